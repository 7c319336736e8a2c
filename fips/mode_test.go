package fips

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"testing"
)

// TestMayAccelerate runs in each mode of the Go Cryptographic Module, which lasts as long
// as a process.
func TestMayAccelerate(t *testing.T) {
	const inside = "COFFER_FIPS_TEST_MODE"
	if os.Getenv(inside) == "" {
		for _, mode := range []string{"off", "on", "only"} {
			cmd := exec.Command(os.Args[0], "-test.run=^TestMayAccelerate$")
			cmd.Env = append(os.Environ(), inside+"="+mode, "GODEBUG=fips140="+mode)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", mode, err, out)
			}
		}
		return
	}
	off, only := !fips140.Enabled(), fips140.Enforced()
	if mode := os.Getenv(inside); (mode == "off") != off || (mode == "only") != only {
		t.Fatalf("asked for mode %s: enabled %t, enforced %t", mode, !off, only)
	}
	for _, c := range []struct{ asked, want bool }{{false, off}, {true, !only}, {false, off}} {
		if Accelerate(c.asked); MayAccelerate() != c.want {
			t.Errorf("asked %t: may accelerate %t", c.asked, MayAccelerate())
		}
	}
	m := Running()
	if m.Approved == off || m.Version != fips140.Version() {
		t.Errorf("running %+v", m)
	}
	if m.Certificate != "" && (off || m.Version == "latest") {
		t.Errorf("a certificate where nothing is validated: %+v", m)
	}
}
