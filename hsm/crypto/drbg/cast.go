package drbg

import (
	"bytes"
	"errors"

	"github.com/coffer-hsm/coffer/fips"
)

// selfTest is that of instantiation and generation (SP 800-90A, section 11.3; IG
// 10.3.A), with the first answer of NIST's CAVP vectors for AES-256 without derivation
// function and without reseeding: what the second of two requests gives.
var selfTest = fips.CAST("CTR_DRBG", func() error {
	seed := [seedSize]byte(fips.Unhex(castEntropy))
	var g generator
	if err := g.instantiate(&seed); err != nil {
		return err
	}
	got := make([]byte, len(castReturned)/2)
	if err := errors.Join(g.generate(got), g.update(new([seedSize]byte)), g.generate(got)); err != nil {
		return err
	}
	if !bytes.Equal(got, fips.Unhex(castReturned)) {
		return errors.New("wrong answer")
	}
	return nil
})

const (
	castEntropy  = "df5d73faa468649edda33b5cca79b0b05600419ccb7a879ddfec9db32ee494e5531b51de16a30f769262474c73bec010"
	castReturned = "d1c07cd95af8a7f11012c84ce48bb8cb87189e99d40fccb1771c619bdf82ab2280b1dc2f2581f39164f7ac0c510494b3a43c41b7db17514c87b107ae793e01c5"
)
