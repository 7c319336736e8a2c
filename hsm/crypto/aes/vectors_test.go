package aes

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/coffer-hsm/coffer/fips"
	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
)

// hexBytes is a byte string in hex.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type vector struct {
	TcID                       int
	Key, IV, Aad, Msg, Ct, Tag hexBytes
	Result                     string
}

// forEachVector runs f on the cases of a file of Wycheproof.
func forEachVector(t *testing.T, file string, f func(v *vector, tagSize int)) {
	t.Helper()
	raw, err := fs.ReadFile(wycheproof.TestVectors, file)
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		TestGroups []struct {
			TagSize int
			Tests   []vector
		}
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range all.TestGroups {
		for i := range g.Tests {
			f(&g.Tests[i], g.TagSize/8)
			n++
		}
	}
	if n < 100 {
		t.Errorf("%s: %d cases", file, n)
	}
}

func TestWycheproofGCM(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		forEachVector(t, "aes_gcm_test.json", func(v *vector, tagSize int) {
			p := newPair(t, impl, v.Key)
			aead, err := p.GCM(len(v.IV), tagSize)
			if !gcm.ValidSizes(len(v.IV), tagSize) {
				if err == nil || v.Result != "invalid" {
					t.Errorf("case %d, %s: IV of %d and tag of %d bytes", v.TcID, v.Result, len(v.IV), tagSize)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sealed := append(bytes.Clone(v.Ct), v.Tag...)
			plain, err := aead.Open(nil, v.IV, sealed, v.Aad)
			if (err == nil) != (v.Result == "valid") || err == nil && !bytes.Equal(plain, v.Msg) {
				t.Errorf("case %d, %s: opened to %x, %v", v.TcID, v.Result, plain, err)
			}
			if v.Result == "valid" && !bytes.Equal(aead.Seal(nil, v.IV, v.Msg, v.Aad), sealed) {
				t.Errorf("case %d: sealed differs", v.TcID)
			}
		})
	})
}

// TestWycheproofCBC holds decryption against what Wycheproof says of the last block:
// the padding itself is taken off in hsm/service.
func TestWycheproofCBC(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		forEachVector(t, "aes_cbc_pkcs5_test.json", func(v *vector, _ int) {
			if len(v.Ct)%16 != 0 {
				return
			}
			p, iv := newPair(t, impl, v.Key), [16]byte(v.IV)
			plain := make([]byte, len(v.Ct))
			p.CBCDecrypter(&iv).CryptBlocks(plain, v.Ct)
			pad := 16 - len(v.Msg)%16
			want := append(bytes.Clone(v.Msg), bytes.Repeat([]byte{byte(pad)}, pad)...)
			if bytes.Equal(plain, want) != (v.Result == "valid") {
				t.Errorf("case %d, %s: %x, want %x", v.TcID, v.Result, plain, want)
			}
		})
	})
}

func TestSelfTest(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		key := fips.Unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
		if err := testModes(newPair(t, impl, key).modes); err != nil {
			t.Error(err)
		}
		key[31] ^= 1
		if err := testModes(newPair(t, impl, key).modes); err == nil {
			t.Error("another key passes")
		}
	})
}

// TestZero: a key that was wiped no longer does what it did.
func TestZero(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		if impl.name == "portable" {
			return // there is nothing of it that can be reached
		}
		key := fips.Unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
		p := newPair(t, impl, key)
		if err := testModes(p.modes); err != nil {
			t.Fatal(err)
		}
		p.Zero()
		zeroed := newPair(t, impl, key)
		zeroed.Zero() // before its hash key was made
		for _, k := range []*Key{p.Key, zeroed.Key} {
			if err := testModes(k.modes); err == nil {
				t.Error("the key is still there")
			}
		}
	})
}

// TestAllocations: what is released is used again, but for the modes of the standard library.
func TestAllocations(t *testing.T) {
	library := map[string][]string{"portable": {"ECB", "CBC", "CBCEncrypt", "CTR"}, "aesni": {"CTR"}}
	forEach(t, func(t *testing.T, impl implementation) {
		most := map[string]float64{}
		for _, name := range library[impl.name] {
			most[name] = 1
		}
		p := newPair(t, impl, make([]byte, 32))
		for _, n := range []int{16, 3008} {
			for name, f := range modesOf(t, p.Key, n) {
				if got := testing.AllocsPerRun(50, f); got > most[name] {
					t.Errorf("%s of %d bytes allocates %v times", name, n, got)
				}
			}
		}
	})
}
