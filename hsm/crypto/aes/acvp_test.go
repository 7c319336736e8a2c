package aes

import (
	"bytes"
	"crypto/cipher"
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/acvp"
)

// ofACVP is a test of ACVP by the names of CAVP.
type ofACVP struct{ *acvp.Case }

func (c ofACVP) Bytes(name string) []byte {
	switch name {
	case "plaintext":
		name = "pt"
	case "ciphertext":
		name = "ct"
	}
	return c.Case.Bytes(name)
}

// TestACVP runs NIST's vectors of ACVP on every implementation, the Monte Carlo tests
// among them, and says how many there were.
func TestACVP(t *testing.T) {
	for _, tt := range []struct {
		key        string
		tests      int
		run        func(t *testing.T, impl implementation, c known)
		monteCarlo int // steps of a thousand blocks
	}{
		{"ACVP-AES-ECB", 30, cavpECB, 600},
		{"ACVP-AES-CBC", 36, cavpCBC, 600},
		{"ACVP-AES-CTR", 48, cavpCTR, 0},
		{"ACVP-AES-GCM", 36, cavpGCM, 0},
	} {
		t.Run(tt.key, func(t *testing.T) {
			cases, err := acvp.Load(tt.key)
			if err != nil {
				t.Fatal(err)
			}
			forEach(t, func(t *testing.T, impl implementation) {
				tests, steps := 0, 0
				for _, c := range cases {
					if c.Text("testType") != acvp.MonteCarlo {
						tt.run(t, impl, ofACVP{c})
						tests++
						continue
					}
					for _, step := range c.Steps() {
						acvpStep(t, impl, ofACVP{step})
						steps++
					}
				}
				t.Logf("%d tests, %d steps", tests, steps)
				if tests != tt.tests || steps != tt.monteCarlo {
					t.Errorf("not %d tests and %d steps", tt.tests, tt.monteCarlo)
				}
			})
		})
	}
}

// acvpStep runs a step of a Monte Carlo test: a thousand blocks, each the output before; in
// CBC mode the one before that, which is the IV at first.
func acvpStep(t *testing.T, impl implementation, c ofACVP) {
	p := newPair(t, impl, c.Bytes("key"))
	ecb, decrypt := c.Algorithm == "ACVP-AES-ECB", c.Text("direction") == "decrypt"
	from, to := "pt", "ct"
	if decrypt {
		from, to = to, from
	}
	var block, before [blockSize]byte
	copy(before[:], c.Bytes("iv"))
	var mode cipher.BlockMode
	switch {
	case ecb && decrypt:
		mode = p.ECBDecrypter()
	case ecb:
		mode = p.ECBEncrypter()
	case decrypt:
		mode = p.CBCDecrypter(&before)
	default:
		mode = p.CBCEncrypter(&before)
	}
	copy(block[:], c.Bytes(from))
	var out [blockSize]byte
	for range 1000 {
		mode.CryptBlocks(out[:], block[:])
		if block = out; !ecb {
			block, before = before, out
		}
	}
	if !bytes.Equal(out[:], c.Bytes(to)) {
		t.Errorf("%s: %x, want %x", c, out, c.Bytes(to))
	}
}
