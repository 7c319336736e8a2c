package keywrap

import (
	"bytes"
	"crypto/cipher"
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/cavp"
)

// TestCAVP holds NIST's answers for key wrap, with padding and without.
func TestCAVP(t *testing.T) {
	for _, tt := range []struct {
		files  string
		wrap   func(cipher.Block, []byte) ([]byte, error)
		unwrap func(cipher.Block, []byte) ([]byte, error)
	}{
		{"keywrap/kwtestvectors/KW_A?_???.txt",
			func(b cipher.Block, plain []byte) ([]byte, error) { return Wrap(b, nil, plain) },
			func(b cipher.Block, wrapped []byte) ([]byte, error) { return Unwrap(b, nil, wrapped) }},
		{"keywrap/kwtestvectors/KWP_A?_???.txt",
			func(b cipher.Block, plain []byte) ([]byte, error) { return WrapPad(b, nil, plain) },
			func(b cipher.Block, wrapped []byte) ([]byte, error) { return UnwrapPad(b, nil, wrapped) }},
	} {
		names, err := cavp.Names(tt.files)
		if err != nil {
			t.Fatal(err)
		}
		cases := 0
		for _, name := range names {
			f, err := cavp.Load(name, "k")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range f.Cases {
				cases++
				block := newAES(t, c.Bytes("k"))
				plain, err := tt.unwrap(block, c.Bytes("c"))
				if (err == nil) != c.Passes() || err == nil && !bytes.Equal(plain, c.Bytes("p")) {
					t.Errorf("%s: unwrapped to %x, %v", c.Where, plain, err)
				}
				if !c.Passes() {
					continue
				}
				if got, err := tt.wrap(block, c.Bytes("p")); err != nil || !bytes.Equal(got, c.Bytes("c")) {
					t.Errorf("%s: wrapped to %x, %v", c.Where, got, err)
				}
			}
		}
		if cases != 3000 {
			t.Errorf("%s: %d cases, want 3000", tt.files, cases)
		}
		t.Logf("%s: %d cases", tt.files, cases)
	}
}
