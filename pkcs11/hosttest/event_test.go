package hosttest

import "testing"

// A wait for slot events ends with an event and with C_Finalize, and lets the
// host's signals through.
func TestWaitForSlotEvent(t *testing.T) {
	for _, arguments := range [][]string{{"token"}, {"finalize", "1"}, {"finalize", "2"}, {"signals", "20"}} {
		t.Run(arguments[0]+arguments[len(arguments)-1], func(t *testing.T) {
			newTokenHost(t, "event").mustRun(t, arguments...)
		})
	}
}
