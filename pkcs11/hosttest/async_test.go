package hosttest

import (
	"testing"
	"time"
)

// Forks while calls go on in the background: they are the parent's alone.
func TestForkWhilePending(t *testing.T) {
	runParts(t, "async", []part{
		{"pending", 4, 200, 20 * time.Second},
		{"saved", 3, 200, 20 * time.Second},
		{"ends", 3, 200, 10 * time.Second},
	})
}
