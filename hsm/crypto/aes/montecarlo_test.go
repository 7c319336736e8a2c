package aes

import (
	"bytes"
	"crypto/cipher"
	"crypto/subtle"
	"os"
	"testing"

	"github.com/coffer-hsm/coffer/fips"
)

// monteCarlo is the answers of the Monte Carlo tests that the authors of Rijndael
// published with their submission to NIST (ecb_e_m.txt, ecb_d_m.txt, cbc_e_m.txt and
// cbc_d_m.txt): what 10,000 blocks come to under the first key, and under the last of 400.
var monteCarlo = []struct {
	name    string
	mode    func(k *Key, iv *[blockSize]byte) cipher.BlockMode
	way     monteCarloWay
	answers [3][2]string // by keySizes
}{
	{"ECB encrypt", func(k *Key, _ *[blockSize]byte) cipher.BlockMode { return k.ECBEncrypter() }, 0, [3][2]string{
		{"c34c052cc0da8d73451afe5f03be297f", "a04377abe259b0d0b5ba2d40a501971b"},
		{"f3f6752ae8d7831138f041560631b114", "4e46f8c5092b29e29a971a0cd1f610fb"},
		{"8b79eecc93a0ee5dff30b4ea21636da4", "1f6763df807a7e70960d4cd3118e601a"},
	}},
	{"ECB decrypt", func(k *Key, _ *[blockSize]byte) cipher.BlockMode { return k.ECBDecrypter() }, 0, [3][2]string{
		{"44416ac2d1f53c583303917e6be9ebe0", "f5bf8b37136f2e1f6bec6f572021e3ba"},
		{"48e31e9e256718f29229319c19f15ba4", "f1a81b68f6e5a6271a8cb24e7d9491ef"},
		{"058ccffdbbcb382d1f6f56585d8a4ade", "4de0c6df7cb1697284604d60271bc59a"},
	}},
	{"CBC encrypt", (*Key).CBCEncrypter, chainOutput, [3][2]string{
		{"8a05fc5e095af4848a08d328d3688e3d", "2f844cbf78eba70da7a49601388f1ab6"},
		{"7bd966d53ad8c1bb85d2adfae87bb104", "ba50c94440c04a8c0899d42658e25437"},
		{"fe3c53653e2f45b56fcd88b2cc898ff0", "c0fefff07506a0b4cd7b8b0cf25d3664"},
	}},
	{"CBC decrypt", (*Key).CBCDecrypter, chainInput, [3][2]string{
		{"faca37e0b0c85373df706e73f7c9af86", "9b8fb71e035ceff9cbfa1346e5acefe0"},
		{"5df678dd17ba4e75b61768c6adef7c7b", "6342bfddd2f6610350458b6695463484"},
		{"4804e1818fe6297519a3e88c57310413", "cd6429cf3f81f8b4f82bc627a8283096"},
	}},
}

// monteCarloWay is what the IV of the next key is.
type monteCarloWay int

const (
	chainOutput monteCarloWay = 1 + iota // the last output
	chainInput                           // the last input
)

// TestMonteCarlo runs them on every implementation; all 400 keys where they are of 256
// bits, the others with COFFER_SOAK.
func TestMonteCarlo(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		for _, tt := range monteCarlo {
			t.Run(tt.name, func(t *testing.T) {
				for i, size := range keySizes {
					first, last := fips.Unhex(tt.answers[i][0]), fips.Unhex(tt.answers[i][1])
					c := newChain(size, tt.way)
					make := func(key []byte, iv *[blockSize]byte) cipher.BlockMode {
						return tt.mode(newPair(t, impl, key).Key, iv)
					}
					if c.round(make); !bytes.Equal(c.out[:], first) {
						t.Errorf("AES-%d, first key: %x", 8*size, c.out)
					}
					if size != 32 && os.Getenv("COFFER_SOAK") == "" {
						continue
					}
					for range 399 {
						c.round(make)
					}
					if !bytes.Equal(c.out[:], last) {
						t.Errorf("AES-%d, last key: %x", 8*size, c.out)
					}
				}
			})
		}
	})
}

// chain is where a Monte Carlo test stands between two keys.
type chain struct {
	way         monteCarloWay
	key         []byte
	iv, in, out [blockSize]byte
}

func newChain(keySize int, way monteCarloWay) *chain {
	return &chain{way: way, key: make([]byte, keySize)}
}

// round does 10,000 blocks under one key: each is the output before, but that encryption
// in CBC mode takes the one before that, as its input has the last in it already. Then it
// makes the next key of the last outputs.
func (c *chain) round(mode func(key []byte, iv *[blockSize]byte) cipher.BlockMode) {
	m := mode(c.key, &c.iv)
	var before, last [blockSize]byte
	outBefore := c.iv
	for range 10_000 {
		m.CryptBlocks(c.out[:], c.in[:])
		before, last = outBefore, c.in
		if c.in = c.out; c.way == chainOutput {
			c.in = before
		}
		outBefore = c.out
	}
	tail := append(before[:], c.out[:]...)
	subtle.XORBytes(c.key, c.key, tail[len(tail)-len(c.key):])
	switch c.way {
	case chainOutput:
		c.iv = c.out
	case chainInput:
		c.iv = last
	}
}
