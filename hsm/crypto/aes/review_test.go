//go:build unix

package aes

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
)

// guarded is memory with a page before and behind it that nobody can read.
func guarded(t *testing.T, pages int) []byte {
	t.Helper()
	size := os.Getpagesize()
	all, err := syscall.Mmap(-1, 0, (pages+2)*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(all) })
	for _, page := range [][]byte{all[:size], all[len(all)-size:]} {
		if err := syscall.Mprotect(page, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return all[size : len(all)-size]
}

// edges calls f with slices of n bytes at the start and at the end of guarded
// memory, in all four ways.
func edges(dst, src []byte, n int, f func(dst, src []byte)) {
	for i := range 4 {
		d, s := dst[:n:n], src[:n:n]
		if i&1 == 1 {
			d = dst[len(dst)-n:]
		}
		if i&2 == 2 {
			s = src[len(src)-n:]
		}
		f(d, s)
	}
}

// TestGuardPages has input, output, IV and additional data next to memory that
// cannot be read, at every length to well past that of the widest loop.
func TestGuardPages(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		dst, src, ivs := guarded(t, 2), guarded(t, 2), guarded(t, 1)
		copy(src, random(r, len(src)))
		for _, size := range keySizes {
			p := newPair(t, impl, random(r, size))
			iv := (*[16]byte)(ivs[len(ivs)-16:])
			copy(iv[:], random(r, 16))
			for n := range 1700 {
				edges(dst, src, n, func(dst, src []byte) {
					want := make([]byte, n)
					cipher.NewCTR(p.std, iv[:]).XORKeyStream(want, src)
					if p.CTR(iv).XORKeyStream(dst, src); !bytes.Equal(dst, want) {
						t.Fatalf("CTR, %d bytes: differs", n)
					}
					if n%16 != 0 {
						return
					}
					cipher.NewCBCDecrypter(p.std, iv[:]).CryptBlocks(want, src)
					if p.CBCDecrypter(iv).CryptBlocks(dst, src); !bytes.Equal(dst, want) {
						t.Fatalf("CBC, %d bytes: differs", n)
					}
					cipher.NewCBCEncrypter(p.std, iv[:]).CryptBlocks(want, src)
					if p.CBCEncrypter(iv).CryptBlocks(dst, src); !bytes.Equal(dst, want) {
						t.Fatalf("CBC encryption, %d bytes: differs", n)
					}
					p.ECBDecrypter().CryptBlocks(dst, src)
					if p.ECBEncrypter().CryptBlocks(dst, dst); !bytes.Equal(dst, src) {
						t.Fatalf("ECB, %d bytes: differs", n)
					}
				})
			}
		}
	})
}

func TestGuardPagesGCM(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		dst, src, aads := guarded(t, 2), guarded(t, 2), guarded(t, 1)
		copy(src, random(r, len(src)))
		p := newPair(t, impl, random(r, 24))
		for n := 16; n < 1700; n++ {
			got, want := p.sizes(t, 1+n%40)
			iv, aad := aads[len(aads)-1-n%40:], aads[len(aads)-n%700:]
			edges(dst, src, n, func(dst, src []byte) {
				sealed := want.Seal(nil, iv, src[:n-16], aad)
				if got.Seal(dst[:0], iv, src[:n-16], aad); !bytes.Equal(dst, sealed) {
					t.Fatalf("%d bytes: sealed differs", n)
				}
				// In place, and the whole buffer full.
				if out, err := got.Open(dst[:0], iv, dst, aad); err != nil || !bytes.Equal(out, src[:n-16]) {
					t.Fatalf("%d bytes: %v", n, err)
				}
				e, err := p.NewGCMEncrypter(iv, aad, 16)
				if err != nil {
					t.Fatal(err)
				}
				cut := r.IntN(n)
				e.Encrypt(dst[:cut], src[:cut])
				e.Encrypt(dst[cut:], src[cut:])
				if full := want.Seal(nil, iv, src, aad); !bytes.Equal(append(bytes.Clone(dst), e.Tag()...), full) {
					t.Fatalf("%d bytes in parts: differs", n)
				}
			})
		}
	})
}

// ivFor finds the IV of 16 bytes whose pre-counter block is j0, so that the counter
// can be anywhere: J_0 = (IV*H + L)*H, and so IV = (J_0/H + L)/H.
func ivFor(p pair, j0 [16]byte) []byte {
	var h, lengths [16]byte
	p.std.Encrypt(h[:], h[:])
	lengths[15] = 128
	over := inverse(h)
	y := multiply(j0, over)
	for i := range y {
		y[i] ^= lengths[i]
	}
	iv := multiply(y, over)
	return iv[:]
}

// multiply is the product of SP 800-38D section 6.3, bit by bit.
func multiply(x, y [16]byte) (z [16]byte) {
	for i := range 128 {
		if x[i/8]>>(7-i%8)&1 == 1 {
			for j := range z {
				z[j] ^= y[j]
			}
		}
		carry := byte(0)
		for j := range y {
			y[j], carry = y[j]>>1|carry, y[j]<<7
		}
		if carry != 0 {
			y[0] ^= 0xe1
		}
	}
	return z
}

// inverse is x^(2^128-2).
func inverse(x [16]byte) [16]byte {
	z, power := [16]byte{0x80}, x
	for range 127 {
		power = multiply(power, power)
		z = multiply(z, power)
	}
	return z
}

// TestGCMCounterAtTheEnd has counters that come back to 0 after every number of
// blocks that a loop may be at, in messages of many lengths, with the bits above
// all ones, where a carry out of the 32 would be seen.
func TestGCMCounterAtTheEnd(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 32))
		got, want := p.sizes(t, 16)
		for _, left := range []uint32{0, 1, 2, 3, 4, 5, 16, 31, 32, 33, 34, 63, 64, 65, 66, 100, 128, 129, 4095, 4096, 4097, 4098} {
			j0 := [16]byte(bytes.Repeat([]byte{0xff}, 16))
			binary.BigEndian.PutUint32(j0[12:], -left)
			iv := ivFor(p, j0)
			for _, n := range []int{0, 1, 16, 257, 512, 1023, 1024, 1025, 1600, 2048, 3000, 65536, 65552, 140001} {
				plain, aad := random(r, n), random(r, r.IntN(100))
				sealed := want.Seal(nil, iv, plain, aad)
				if !bytes.Equal(got.Seal(nil, iv, plain, aad), sealed) {
					t.Errorf("%d blocks before, %d bytes: sealed differs", left, n)
				}
				if back, err := got.Open(nil, iv, sealed, aad); err != nil || !bytes.Equal(back, plain) {
					t.Errorf("%d blocks before, %d bytes: %v", left, n, err)
				}
				if !bytes.Equal(inParts(t, p, iv, aad, plain, func() int { return 1 + r.IntN(2000) }), sealed) {
					t.Errorf("%d blocks before, %d bytes: in parts differs", left, n)
				}
			}
		}
	})
}

// TestShared has one fresh key at work in many goroutines: its first uses, which
// make the powers of the hash key, are at the same time.
func TestShared(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 16))
		aead, err := p.GCM(12, 12) // made by all of an implementation, never the library's own
		if err != nil {
			t.Fatal(err)
		}
		std, _ := cipher.NewGCM(p.std)
		var all sync.WaitGroup
		for g := range 16 {
			all.Go(func() {
				r := rand.New(rand.NewPCG(3, uint64(g)))
				for range 30 {
					iv, plain, aad := random(r, 12), random(r, r.IntN(5000)), random(r, r.IntN(700))
					sealed := aead.Seal(nil, iv, plain, aad)
					if full := std.Seal(nil, iv, plain, aad); !bytes.Equal(sealed, full[:len(full)-4]) {
						t.Error("sealed differs")
					}
					if back, err := aead.Open(sealed[:0], iv, sealed, aad); err != nil || !bytes.Equal(back, plain) {
						t.Error("does not come back")
					}
				}
			})
		}
		all.Wait()
	})
}

// TestMegabyte is past many calls of the assembly, with a part of a block left.
func TestMegabyte(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 24))
		got, want := p.sizes(t, 12)
		iv, plain := random(r, 12), random(r, 1<<20+5)
		sealed := want.Seal(nil, iv, plain, plain[:70001])
		buffer := append(make([]byte, 0, len(sealed)), plain...)
		if buffer = got.Seal(buffer[:0], iv, buffer, plain[:70001]); !bytes.Equal(buffer, sealed) {
			t.Error("sealed differs")
		}
		if back, err := got.Open(buffer[:0], iv, buffer, plain[:70001]); err != nil || !bytes.Equal(back, plain) {
			t.Error("does not come back")
		}
	})
}
