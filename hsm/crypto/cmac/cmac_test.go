package cmac

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"encoding/hex"
	"math/big"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRFC4493 holds the vectors of RFC 4493 section 4, and those that NIST's
// examples for SP 800-38B add for AES-256.
func TestRFC4493(t *testing.T) {
	const message = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
	const key128 = "2b7e151628aed2a6abf7158809cf4f3c"
	const key256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
	for _, v := range []struct {
		key  string
		size int
		mac  string
	}{
		{key128, 0, "bb1d6929e95937287fa37d129b756746"},
		{key128, 16, "070a16b46b4d4144f79bdd9dd04a287c"},
		{key128, 40, "dfa66747de9ae63030ca32611497c827"},
		{key128, 64, "51f0bebf7e3b9d92fc49741779363cfe"},
		{key256, 0, "028962f61b7bf89efc6b551f4667d983"},
		{key256, 16, "28a7023f452e8f82bd4bf28d8c37c35c"},
		{key256, 64, "e1992190549f6ed5696a2c056c315410"},
	} {
		block, _ := aes.NewCipher(unhex(t, v.key))
		m, err := New(block)
		if err != nil {
			t.Fatal(err)
		}
		m.Write(unhex(t, message)[:v.size])
		if got := m.Sum(nil); !bytes.Equal(got, unhex(t, v.mac)) {
			t.Errorf("AES-%d, %d bytes: %x, want %s", 4*len(v.key), v.size, got, v.mac)
		}
	}
}

// reference is SP 800-38B section 6 by the letter: subkeys by big numbers, the
// whole message padded, then CBC by the standard library.
func reference(block cipher.Block, message []byte) []byte {
	double := func(in []byte) []byte {
		v := new(big.Int).Lsh(new(big.Int).SetBytes(in), 1)
		if v.Bit(128) == 1 {
			v.SetBit(v, 128, 0)
			v.Xor(v, big.NewInt(0x87))
		}
		return v.FillBytes(make([]byte, Size))
	}
	l := make([]byte, Size)
	block.Encrypt(l, l)
	key := double(l)
	padded := bytes.Clone(message)
	if len(message)%Size != 0 || len(message) == 0 {
		key = double(key)
		padded = append(padded, 0x80)
		padded = append(padded, make([]byte, (Size-len(padded)%Size)%Size)...)
	}
	for i := range key {
		padded[len(padded)-Size+i] ^= key[i]
	}
	cipher.NewCBCEncrypter(block, make([]byte, Size)).CryptBlocks(padded, padded)
	return padded[len(padded)-Size:]
}

func FuzzParts(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), []byte("a message of more than one block"), 5)
	f.Add([]byte("k"), []byte{}, 1)
	f.Fuzz(func(t *testing.T, key, message []byte, part int) {
		key = append(key, make([]byte, 32)...)[:32]
		block, _ := aes.NewCipher(key)
		m, err := New(block)
		if err != nil {
			t.Fatal(err)
		}
		part = 1 + (part&0xff)%40
		for rest := message; len(rest) > 0; {
			n := min(part, len(rest))
			m.Write(rest[:n])
			m.Sum(nil) // changes nothing
			rest = rest[n:]
		}
		if got, want := m.Sum(nil), reference(block, message); !bytes.Equal(got, want) {
			t.Errorf("%x in parts of %d, the reference gives %x", got, part, want)
		}
	})
}

// TestAllSizes compares with the reference at each size over four blocks, by one
// mac that is reset.
func TestAllSizes(t *testing.T) {
	block, _ := aes.NewCipher(make([]byte, 24))
	m, err := New(block)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 65 {
		message := bytes.Repeat([]byte{byte(n)}, n)
		m.Reset()
		m.Write(message)
		if got, want := m.Sum([]byte{1}), append([]byte{1}, reference(block, message)...); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %x, the reference gives %x", n, got, want)
		}
	}
}

func TestOtherBlockSize(t *testing.T) {
	block, _ := des.NewCipher(make([]byte, 8))
	if _, err := New(block); err != errBlock {
		t.Errorf("New of a cipher of 8-byte blocks: %v", err)
	}
}
