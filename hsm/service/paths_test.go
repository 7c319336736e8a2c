// Approved mode is not there with purego: Go refuses to start.
//go:build !purego

package service

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"testing"

	"github.com/coffer-hsm/coffer/fips"
)

// TestPathsInApprovedMode: there the standard library does it all, unless the
// configuration says otherwise, and then the self-tests of what is used instead have run.
func TestPathsInApprovedMode(t *testing.T) {
	if !fips140.Enabled() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPathsInApprovedMode$")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=on", "COFFER_TEST_PATHS="+InUse().AES+" "+InUse().RSA)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if got := InUse(); got != (Paths{"portable", "portable"}) {
		t.Errorf("not asked: %+v", got)
	}
	if _, err := encryptWith(aesTestKey(t, 32), &modes[0].m, make([]byte, 16)); err != nil {
		t.Error(err)
	}
	if !fips.Break("AES") {
		t.Error("the self-test of a path that is not in use has run")
	}
	fips.Accelerate(true)
	if got, want := InUse(), os.Getenv("COFFER_TEST_PATHS"); got.AES+" "+got.RSA != want {
		t.Errorf("asked: %+v, want %s", got, want)
	}
	// The self-test, made to fail, is before the first use.
	if _, err := encryptWith(aesTestKey(t, 32), &modes[0].m, make([]byte, 16)); err == nil {
		t.Error("used without a self-test")
	}
}
