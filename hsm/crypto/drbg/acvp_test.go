package drbg

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/acvp"
)

// TestACVP runs NIST's vector for CTR_DRBG with AES-256 and no derivation function. It
// reseeds and has additional input, which Read does without; both are CTR_DRBG_Update of
// what is provided (SP 800-90A Rev. 1, sections 10.2.1.4.1 and 10.2.1.5.1).
func TestACVP(t *testing.T) {
	cases, err := acvp.Load("ctrDRBG")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Text("mode") != "AES-256" || c.Text("derFunc") != "false" || c.Int("persoStringLen") != 0 {
			t.Fatalf("%s is of another generator", c)
		}
		seed := [seedSize]byte(c.Bytes("entropyInput"))
		var g generator
		if err := g.instantiate(&seed); err != nil {
			t.Fatal(err)
		}
		tell := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		out := make([]byte, c.Int("returnedBitsLen")/8)
		for _, step := range c.List("otherInput") {
			provided := [seedSize]byte(step.Bytes("additionalInput"))
			if step.Text("intendedUse") == "reSeed" {
				subtle.XORBytes(provided[:], provided[:], step.Bytes("entropyInput"))
				tell(g.update(&provided))
				continue
			}
			tell(errors.Join(g.update(&provided), g.generate(out), g.update(&provided)))
		}
		if !bytes.Equal(out, c.Bytes("returnedBits")) {
			t.Errorf("%s: %x", c, out)
		}
	}
}
