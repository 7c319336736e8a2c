package gcm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

var rng = rand.NewChaCha8([32]byte{'g', 'c', 'm'})

func random(n int) []byte {
	b := make([]byte, n)
	rng.Read(b)
	return b
}

func newAES(t testing.TB, size int) cipher.Block {
	t.Helper()
	b, err := aes.NewCipher(random(size))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSizes seals and opens with every size of tag and several of the IV, and
// compares with the standard library's full tag.
func TestSizes(t *testing.T) {
	block := newAES(t, 32)
	for _, tagSize := range tagSizes {
		for _, ivSize := range []int{1, 8, 12, 16, 17, 60} {
			t.Run(fmt.Sprintf("tag %d, IV %d", tagSize, ivSize), func(t *testing.T) {
				g, err := New(block, ivSize, tagSize)
				if err != nil {
					t.Fatal(err)
				}
				if g.NonceSize() != ivSize || g.Overhead() != tagSize {
					t.Errorf("sizes %d and %d", g.NonceSize(), g.Overhead())
				}
				testSealOpen(t, block, g)
			})
		}
	}
}

func testSealOpen(t *testing.T, block cipher.Block, g cipher.AEAD) {
	full, err := cipher.NewGCMWithNonceSize(block, g.NonceSize())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 15, 16, 17, 100} {
		iv, plain, aad := random(g.NonceSize()), random(n), random(n/2)
		want := full.Seal(nil, iv, plain, aad)[:n+g.Overhead()]
		sealed := g.Seal([]byte{1}, iv, plain, aad)
		if !bytes.Equal(sealed[1:], want) || sealed[0] != 1 {
			t.Errorf("Seal of %d bytes: %x, want %x", n, sealed, want)
		}
		back, err := g.Open([]byte{2}, iv, want, aad)
		if err != nil || !bytes.Equal(back, append([]byte{2}, plain...)) {
			t.Errorf("Open of %d bytes: %x, %v", n, back, err)
		}
		for bit := range 8 * len(want) {
			want[bit/8] ^= 1 << (bit % 8)
			if got, err := g.Open(nil, iv, want, aad); err == nil || got != nil {
				t.Errorf("Open accepts a change of bit %d: %x", bit, got)
			}
			want[bit/8] ^= 1 << (bit % 8)
		}
		if _, err := g.Open(nil, iv, want, append(aad, 0)); err == nil {
			t.Error("Open accepts other associated data")
		}
		if _, err := g.Open(nil, iv, want[:g.Overhead()-1], nil); err == nil {
			t.Error("Open accepts less than a tag")
		}
	}
}

func TestRefuses(t *testing.T) {
	block := newAES(t, 16)
	for _, tag := range []int{-1, 0, 3, 5, 7, 11, 17} {
		if _, err := New(block, 12, tag); err != ErrParameter {
			t.Errorf("New with a tag of %d bytes: %v", tag, err)
		}
		if _, err := NewEncrypter(block, make([]byte, 12), nil, tag); err != ErrParameter {
			t.Errorf("NewEncrypter with a tag of %d bytes: %v", tag, err)
		}
	}
	if _, err := New(block, 0, 16); err != ErrParameter {
		t.Errorf("New without IV: %v", err)
	}
	if _, err := NewEncrypter(block, nil, nil, 16); err != ErrParameter {
		t.Errorf("NewEncrypter without IV: %v", err)
	}
	other, _ := des.NewCipher(make([]byte, 8))
	if _, err := NewEncrypter(other, make([]byte, 12), nil, 16); err != ErrParameter {
		t.Errorf("NewEncrypter with DES: %v", err)
	}
}

// inParts encrypts plain in parts of size bytes, in place.
func inParts(t testing.TB, block cipher.Block, iv, aad, plain []byte, size int) []byte {
	t.Helper()
	e, err := NewEncrypter(block, iv, aad, TagSize)
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(plain)
	for rest := out; len(rest) > 0; {
		n := min(size, len(rest))
		e.Encrypt(rest[:n], rest[:n])
		rest = rest[n:]
	}
	return append(out, e.Tag()...)
}

func TestEncrypterMatchesStandardLibrary(t *testing.T) {
	for _, keySize := range []int{16, 24, 32} {
		block := newAES(t, keySize)
		for n := range 70 {
			iv, aad, plain := random(1+n%20), random(n/2), random(n)
			full, _ := cipher.NewGCMWithNonceSize(block, len(iv))
			want := full.Seal(nil, iv, plain, aad)
			for size := 1; size <= n+1; size++ {
				if got := inParts(t, block, iv, aad, plain, size); !bytes.Equal(got, want) {
					t.Fatalf("%d bytes in parts of %d: %x, want %x", n, size, got, want)
				}
			}
		}
	}
}

// TestLongParts has parts long enough for bulk, of sizes around its bounds.
func TestLongParts(t *testing.T) {
	block := newAES(t, 32)
	for _, n := range []int{63, 64, 65, 4095, 4096, 4097, 4111, 4160, 12345} {
		iv, aad, plain := random(12), random(n), random(n)
		full, _ := cipher.NewGCM(block)
		want := full.Seal(nil, iv, plain, aad)
		for _, size := range []int{1, 64, 79, 80, 4096, 5000, n} {
			if got := inParts(t, block, iv, aad, plain, size); !bytes.Equal(got, want) {
				t.Errorf("%d bytes in parts of %d differ", n, size)
			}
		}
	}
}

// inverse is a^-1 = a^(2^128-2).
func (a element) inverse() element {
	r := element{1 << 63, 0} // 1
	for range 127 {
		a = a.mul(a)
		r = r.mul(a)
	}
	return r
}

// TestCounterWraps makes an IV of 16 bytes whose pre-counter block has few blocks
// left before its last 32 bits wrap around, which random tests never reach.
func TestCounterWraps(t *testing.T) {
	block := newAES(t, 16)
	var h [16]byte
	block.Encrypt(h[:], h[:])
	inv := parseElement(h[:]).inverse()
	for left := range uint32(4) {
		j0 := random(16)
		binary.BigEndian.PutUint32(j0[12:], ^left)
		// J_0 = (IV * H + [0, 128]) * H, section 7.1 step 2.
		x := parseElement(j0).mul(inv)
		x.lo ^= 128
		x = x.mul(inv)
		iv := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, x.hi), x.lo)
		if got := (ghash{h: parseElement(h[:])}).j0(iv); !bytes.Equal(got[:], j0) {
			t.Fatalf("J_0 = %x, want %x", got, j0)
		}
		plain := random(100)
		full, _ := cipher.NewGCMWithNonceSize(block, 16)
		want := full.Seal(nil, iv, plain, nil)
		for _, size := range []int{1, 16, 33, 100} {
			if got := inParts(t, block, iv, nil, plain, size); !bytes.Equal(got, want) {
				t.Errorf("%d blocks left, parts of %d: %x, want %x", left, size, got, want)
			}
		}
	}
}

// TestMul64 compares with schoolbook multiplication.
func TestMul64(t *testing.T) {
	operands := []uint64{0, 1, 1 << 63, ^uint64(0), 0x1111111111111111, 0x8888888888888888}
	for range 200 {
		operands = append(operands, rng.Uint64())
	}
	for i, x := range operands {
		for _, y := range operands[:min(i+1, 20)] {
			want := new(big.Int)
			for bit := range 64 {
				if x>>bit&1 == 1 {
					want.Xor(want, new(big.Int).Lsh(new(big.Int).SetUint64(y), uint(bit)))
				}
			}
			hi, lo := mul64(x, y)
			got := new(big.Int).SetUint64(hi)
			got.Lsh(got, 64).Or(got, new(big.Int).SetUint64(lo))
			if got.Cmp(want) != 0 {
				t.Errorf("%x * %x = %x, want %x", x, y, got, want)
			}
		}
	}
}

func BenchmarkEncrypter(b *testing.B) {
	block := newAES(b, 16)
	buf := make([]byte, 16<<10)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		inParts(b, block, buf[:12], nil, buf, 4096)
	}
}
