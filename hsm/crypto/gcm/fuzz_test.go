package gcm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"math/big"
	"testing"
)

// FuzzEncrypter compares encryption in parts, and tags that are cut short, with the standard
// library, with keys of all sizes. size is the length of a part, and places a bit that is
// changed, with which nothing may be opened.
func FuzzEncrypter(f *testing.F) {
	f.Add([]byte("key"), []byte("iv"), []byte("aad"), []byte("plaintext that has some length"), uint8(1), uint16(3))
	f.Add([]byte("sixteen"), make([]byte, 12), []byte{}, []byte{1}, uint8(200), uint16(700))
	f.Fuzz(func(t *testing.T, key, iv, aad, unit []byte, repeat uint8, size uint16) {
		if len(iv) == 0 {
			return
		}
		fixed := make([]byte, 16+8*(len(key)%3))
		copy(fixed, key)
		block, _ := aes.NewCipher(fixed)
		full, _ := cipher.NewGCMWithNonceSize(block, len(iv))
		plain := bytes.Repeat(unit, int(repeat))
		plain = plain[:min(len(plain), 3*bulkSize)]
		want := full.Seal(nil, iv, plain, aad)
		if got := inParts(t, block, iv, aad, plain, 1+int(size)); !bytes.Equal(got, want) {
			t.Errorf("in parts of %d: %x, want %x", 1+size, got, want)
		}
		tagSize := tagSizes[int(size)%len(tagSizes)]
		short, err := New(block, len(iv), tagSize)
		if err != nil {
			t.Fatal(err)
		}
		want = want[:len(plain)+tagSize]
		if got := short.Seal(nil, iv, plain, aad); !bytes.Equal(got, want) {
			t.Errorf("tag of %d: %x, want %x", tagSize, got, want)
		}
		if back, err := short.Open(nil, iv, want, aad); err != nil || !bytes.Equal(back, plain) {
			t.Errorf("tag of %d: opens to %x, %v", tagSize, back, err)
		}
		bit := int(size) % (8 * len(want))
		want[bit/8] ^= 1 << (bit % 8)
		if back, err := short.Open(nil, iv, want, aad); err == nil || back != nil {
			t.Errorf("tag of %d: opens with bit %d changed", tagSize, bit)
		}
	})
}

// FuzzHash compares GHASH with polynomials by math/big, under any hash key: also those that
// no AES key is known for, like 0, 1 and all ones.
func FuzzHash(f *testing.F) {
	f.Add([]byte{}, []byte("data"), uint8(1))
	f.Add([]byte{0x80}, bytes.Repeat([]byte{0xff}, 40), uint8(17))
	f.Add(bytes.Repeat([]byte{0xff}, 16), []byte{0, 1}, uint8(0))
	f.Fuzz(func(t *testing.T, key, data []byte, cut uint8) {
		var h, mask [blockSize]byte
		copy(h[:], key)
		data = data[:min(len(data), 512)]
		g := ghash{h: parseElement(h[:])}
		n := min(int(cut), len(data))
		g.write(data[:n])
		g.write(data[n:])
		g.pad()
		if got, want := g.sum(&mask), slowHash(h, data); got != want {
			t.Errorf("H = %x, %x: %x, want %x", h, data, got, want)
		}
	})
}

// slowHash is GHASH of data, filled up with zeros, by the definitions of SP 800-38D, sections
// 6.3 and 6.4: the bits of a block, the first one for x^0, are the coefficients of a polynomial
// modulo x^128 + x^7 + x^2 + x + 1.
func slowHash(h [blockSize]byte, data []byte) (sum [blockSize]byte) {
	modulus := new(big.Int).Lsh(big.NewInt(1), 128)
	modulus.Xor(modulus, big.NewInt(0x87))
	key, y := polynomial(h), new(big.Int)
	for ; len(data) > 0; data = data[min(len(data), blockSize):] {
		var block [blockSize]byte
		copy(block[:], data)
		y.Xor(y, polynomial(block))
		product := new(big.Int)
		for i := range 128 {
			if key.Bit(i) == 1 {
				product.Xor(product, new(big.Int).Lsh(y, uint(i)))
			}
		}
		for i := product.BitLen() - 1; i >= 128; i-- {
			if product.Bit(i) == 1 {
				product.Xor(product, new(big.Int).Lsh(modulus, uint(i-128)))
			}
		}
		y = product
	}
	for i := range 128 {
		sum[i/8] |= byte(y.Bit(i)) << (7 - i%8)
	}
	return sum
}

// polynomial has the coefficient of x^i in bit i.
func polynomial(block [blockSize]byte) *big.Int {
	p := new(big.Int)
	for i := range 128 {
		p.SetBit(p, i, uint(block[i/8]>>(7-i%8)&1))
	}
	return p
}
