package fips

import (
	"crypto/fips140"
	"fmt"
)

// PCT runs f, the pairwise consistency test of a key pair that has just been generated
// (ISO/IEC 19790 section 7.10.3.3; IG 10.3.A says of what), and returns why it failed. The
// pair may not be used then. In approved mode the module is in the error state from then
// on, as after any other conditional self-test (section 7.10.1). Outside of it, that one
// pair is refused; the Go Cryptographic Module does not even test its own there.
func PCT(name string, f func() error) error { return pct(name, fips140.Enabled(), f) }

func pct(name string, approved bool, f func() error) error {
	err := f()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("fips: pairwise consistency test of %s failed: %w", name, err)
	if approved {
		failed.CompareAndSwap(nil, &err)
	}
	return err
}
