package hosttest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestApprovedMode is in each mode of the Go Cryptographic Module, with the accelerated
// paths on and off: all give the right answers, and none claims a validation.
func TestApprovedMode(t *testing.T) {
	h := newTokenHost(t, "approved")
	for _, mode := range []string{"off", "on"} {
		for _, accelerated := range []string{"false", "true"} {
			t.Run(mode+", accelerated "+accelerated, func(t *testing.T) {
				conf := filepath.Join(t.TempDir(), "coffer.toml")
				if err := os.WriteFile(conf, []byte("[fips]\naccelerated = "+accelerated+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				here := h
				here.environment = append(here.environment[:len(here.environment):len(here.environment)], "GODEBUG=fips140="+mode, "COFFER_CONF="+conf)
				here.mustRun(t)
			})
		}
	}
}
