package hosttest

import "testing"

// After C_Logout, or C_Finalize, none of the keys that were in use is in the process's
// memory any more, nor in a core file of it.
func TestKeysAreForgotten(t *testing.T) {
	for name, how := range map[string]string{"logout": "1", "finalize": "2"} {
		t.Run(name, func(t *testing.T) {
			h := newTokenHost(t, "forget")
			h.folder = t.TempDir()
			h.mustRun(t, "forget", how)
		})
	}
}

// Nor are those of session keys, whatever made them, used them and ended them.
func TestSessionKeysAreForgotten(t *testing.T) {
	for name, how := range map[string]string{"logout": "1", "finalize": "2", "close": "3", "destroy": "4"} {
		t.Run(name, func(t *testing.T) { newTokenHost(t, "forget_session").mustRun(t, "forget", how) })
	}
}
