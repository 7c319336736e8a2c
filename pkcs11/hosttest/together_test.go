package hosttest

import (
	"testing"
	"time"
)

// Threads that wait in the system for each other's operations.
func TestTogether(t *testing.T) {
	runParts(t, "together", []part{
		{"forks", 4, 200, 10 * time.Second},
		{"finalize", 3, 300, 5 * time.Second},
		{"alarms", 1000, 100000, 20 * time.Millisecond},
	})
}
