package hosttest

import "testing"

// What the library answers in C is what it answers in Go, and cheaper.
func TestDeferral(t *testing.T) {
	h := newTokenHost(t, "deferral")
	h.mustRun(t, "mechanisms", "5")
	h.mustRun(t, "messages", "5")
	h.mustRun(t, "keys", "5")
	h.mustRun(t, "threads", "20")
	h.mustRun(t, "interrupted", "5")
	t.Log(h.mustRun(t, "faster", "5"))
}
