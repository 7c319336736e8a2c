package drbg

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"math/big"
	"slices"
	"testing"
)

// reference is section 10.2.1 step by step, on the standard library's block cipher.
type reference struct{ key, v []byte }

func (r *reference) block(t *testing.T) []byte {
	t.Helper()
	v := new(big.Int).SetBytes(r.v)
	v.Add(v, big.NewInt(1))
	v.SetBit(v, 128, 0)
	v.FillBytes(r.v)
	b, err := aes.NewCipher(r.key)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, blockSize)
	b.Encrypt(out, r.v)
	return out
}

func (r *reference) update(t *testing.T, provided []byte) {
	t.Helper()
	var temp []byte
	for len(temp) < seedSize {
		temp = append(temp, r.block(t)...)
	}
	for i := range temp {
		temp[i] ^= provided[i]
	}
	r.key, r.v = temp[:keySize], temp[keySize:]
}

func (r *reference) generate(t *testing.T, n int) []byte {
	t.Helper()
	var out []byte
	for len(out) < n {
		out = append(out, r.block(t)...)
	}
	return out[:n]
}

func TestSelfTest(t *testing.T) {
	if err := selfTest.Ready(); err != nil {
		t.Fatal(err)
	}
}

// Seeds at random, and those that make V wrap around.
func TestAgainstReference(t *testing.T) {
	for round := range 60 {
		var seed [seedSize]byte
		rand.Read(seed[:])
		var g generator
		if err := g.instantiate(&seed); err != nil {
			t.Fatal(err)
		}
		r := &reference{make([]byte, keySize), make([]byte, blockSize)}
		r.update(t, seed[:])
		if round%3 == 1 {
			for i := range g.v[round%blockSize:] {
				g.v[round%blockSize+i] = 0xff
			}
			copy(r.v, g.v[:])
		}
		for _, n := range []int{0, 1, 15, 16, 17, 512, 4099, 1 + round*97} {
			got := make([]byte, n)
			if err := g.generate(got); err != nil {
				t.Fatal(err)
			}
			if want := r.generate(t, n); !bytes.Equal(got, want) {
				t.Fatalf("round %d, %d bytes: %x, not %x", round, n, got, want)
			}
			if err := g.update(new([seedSize]byte)); err != nil {
				t.Fatal(err)
			}
			r.update(t, make([]byte, seedSize))
		}
	}
}

// FuzzGenerator compares two requests of a generator, and an update between them, with the
// reference. Where the last bytes of a seed say so, V is about to wrap around.
func FuzzGenerator(f *testing.F) {
	f.Add([]byte("seed"), []byte("more"), uint8(0), uint16(100), uint16(33))
	f.Add(bytes.Repeat([]byte{0xff}, seedSize), []byte{}, uint8(16), uint16(4096), uint16(1))
	f.Fuzz(func(t *testing.T, first, second []byte, ones uint8, n, m uint16) {
		var seed, provided [seedSize]byte
		copy(seed[:], first)
		copy(provided[:], second)
		var g generator
		if err := g.instantiate(&seed); err != nil {
			t.Fatal(err)
		}
		r := &reference{make([]byte, keySize), make([]byte, blockSize)}
		r.update(t, seed[:])
		for i := range int(ones) % (blockSize + 1) {
			g.v[blockSize-1-i] = 0xff
		}
		copy(r.v, g.v[:])
		for _, n := range []int{int(n) % 6000, int(m) % 200} {
			got := make([]byte, n)
			if err := g.generate(got); err != nil {
				t.Fatal(err)
			}
			if want := r.generate(t, n); !bytes.Equal(got, want) {
				t.Fatalf("%d bytes: %x, not %x", n, got, want)
			}
			if err := g.update(&provided); err != nil {
				t.Fatal(err)
			}
			r.update(t, provided[:])
		}
	})
}

// Every byte of a request is written, whatever its length, and no two are alike.
func TestRead(t *testing.T) {
	for _, n := range []int{0, 1, worth - 1, worth, 4096, MaxRequest - 1, MaxRequest, MaxRequest + 1, 3*MaxRequest + 7} {
		a, b := make([]byte, n+16), make([]byte, n+16)
		for _, dst := range [][]byte{a, b} {
			if err := Read(dst[:n]); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(dst[n:], make([]byte, 16)) {
				t.Fatalf("%d bytes: it wrote behind them", n)
			}
		}
		if n >= 16 && (bytes.Equal(a[:n], b[:n]) || bytes.Equal(a[n-16:n], make([]byte, 16))) {
			t.Fatalf("%d bytes: not random", n)
		}
	}
}

// A chunk does not go on where the one before ended: each has a seed of its own.
func TestNoBlockTwice(t *testing.T) {
	dst := make([]byte, 4*MaxRequest)
	if err := Read(dst); err != nil {
		t.Fatal(err)
	}
	seen := map[[blockSize]byte]bool{}
	for b := range slices.Chunk(dst, blockSize) {
		if seen[[blockSize]byte(b)] {
			t.Fatal("a block came twice")
		}
		seen[[blockSize]byte(b)] = true
	}
}

func BenchmarkRead(b *testing.B) {
	for name, read := range map[string]func([]byte) error{
		"drbg":        Read,
		"crypto-rand": func(p []byte) error { rand.Read(p); return nil },
	} {
		for _, n := range []int{32, worth, 4096, 1 << 20} {
			b.Run(name+"/"+big.NewInt(int64(n)).String(), func(b *testing.B) {
				dst := make([]byte, n)
				b.SetBytes(int64(n))
				for b.Loop() {
					if err := read(dst); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
