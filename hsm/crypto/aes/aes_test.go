package aes

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// forEach runs f with every implementation that works here.
func forEach(t *testing.T, f func(t *testing.T, impl implementation)) {
	for _, impl := range implementations {
		t.Run(impl.name, func(t *testing.T) { f(t, impl) })
	}
}

// pair is a key of an implementation and the standard library's.
type pair struct {
	*Key
	std cipher.Block
}

func newPair(t testing.TB, impl implementation, key []byte) pair {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{&Key{block, impl.make(key, block)}, block}
}

var keySizes = []int{16, 24, 32}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// stdECB is ECB by the standard library's single block.
func stdECB(crypt func(dst, src []byte), src []byte) []byte {
	dst := make([]byte, len(src))
	for i := 0; i < len(src); i += 16 {
		crypt(dst[i:], src[i:])
	}
	return dst
}

// placement is where a test puts its buffers: at offsets from each other and from
// the boundary of a cache line, or in place.
type placement struct {
	from, to int
	inPlace  bool
}

// run calls f with a copy of src and with extra bytes more of output than that.
// What is around the output may not change.
func (p placement) run(t *testing.T, src []byte, extra int, f func(dst, src []byte)) []byte {
	t.Helper()
	const margin = 64
	all := bytes.Repeat([]byte{0xa5}, margin+p.to+len(src)+extra+margin)
	dst := all[margin+p.to:][: len(src)+extra : len(src)+extra]
	in := dst[:len(src)]
	if !p.inPlace {
		in = make([]byte, p.from+len(src))[p.from:]
	}
	copy(in, src)
	f(dst, in)
	if !p.inPlace && !bytes.Equal(in, src) {
		t.Error("the input has changed")
	}
	for i, b := range all {
		if outside := i < margin+p.to || i >= margin+p.to+len(dst); outside && b != 0xa5 {
			t.Fatalf("byte %d from the output has changed", i-margin-p.to)
		}
	}
	return dst
}

// everyLength calls f with every length up to 4096 that is a multiple of step, with
// all alignments over the way and in place every other time.
func everyLength(t *testing.T, step int, f func(t *testing.T, n int, p placement)) {
	for i, n := 0, 0; n <= 4096; i, n = i+1, n+step {
		p := placement{i % 64, i / 2 * 7 % 64, i%2 == 1}
		f(t, n, p)
		if t.Failed() {
			t.Fatalf("%d bytes, %+v", n, p)
		}
	}
}

func TestECB(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		for _, size := range keySizes {
			p := newPair(t, impl, random(r, size))
			for name, tc := range map[string]struct {
				mode cipher.BlockMode
				std  func(dst, src []byte)
			}{"encrypt": {p.ECBEncrypter(), p.std.Encrypt}, "decrypt": {p.ECBDecrypter(), p.std.Decrypt}} {
				everyLength(t, 16, func(t *testing.T, n int, at placement) {
					src := random(r, n)
					if !bytes.Equal(at.run(t, src, 0, tc.mode.CryptBlocks), stdECB(tc.std, src)) {
						t.Errorf("AES-%d %s differs", 8*size, name)
					}
				})
			}
		}
	})
}

func TestCBC(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		for _, size := range keySizes {
			p, iv := newPair(t, impl, random(r, size)), [16]byte(random(r, 16))
			for name, mode := range map[string]struct{ got, want cipher.BlockMode }{
				"encrypt": {p.CBCEncrypter(&iv), cipher.NewCBCEncrypter(p.std, iv[:])},
				"decrypt": {p.CBCDecrypter(&iv), cipher.NewCBCDecrypter(p.std, iv[:])},
			} {
				// One chain over all lengths, so that the IV of the next is tested too.
				everyLength(t, 16, func(t *testing.T, n int, at placement) {
					src, dst := random(r, n), make([]byte, n)
					mode.want.CryptBlocks(dst, src)
					if !bytes.Equal(at.run(t, src, 0, mode.got.CryptBlocks), dst) {
						t.Errorf("AES-%d %s differs", 8*size, name)
					}
				})
			}
		}
	})
}

// TestRelease: of a mode that is given back nothing is left, and who gets it next does not
// go on where it was.
func TestRelease(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		for range 20 {
			p, iv := newPair(t, impl, random(r, 16+r.IntN(3)*8)), [16]byte(random(r, 16))
			src, got, want := random(r, 48), make([]byte, 48), make([]byte, 48)
			for name, mode := range map[string]struct{ got, want cipher.BlockMode }{
				"CBC encryption": {p.CBCEncrypter(&iv), cipher.NewCBCEncrypter(p.std, iv[:])},
				"CBC decryption": {p.CBCDecrypter(&iv), cipher.NewCBCDecrypter(p.std, iv[:])},
			} {
				mode.want.CryptBlocks(want, src)
				if mode.got.CryptBlocks(got, src); !bytes.Equal(got, want) {
					t.Errorf("%s differs", name)
				}
				Release(mode.got)
			}
			e := p.ECBEncrypter()
			e.CryptBlocks(got, src)
			Release(e)
			if !bytes.Equal(got, stdECB(p.std.Encrypt, src)) {
				t.Error("ECB differs")
			}
			c := p.CTR(&iv)
			cipher.NewCTR(p.std, iv[:]).XORKeyStream(want, src[:21])
			if c.XORKeyStream(got[:21], src[:21]); !bytes.Equal(got[:21], want[:21]) { // keystream is left over
				t.Error("CTR differs")
			}
			Release(c)
			if impl.name != "portable" && impl.name != "aesni" && !reflect.ValueOf(c).Elem().IsZero() {
				t.Error("something is left of CTR")
			}
		}
	})
	Release(nil)
}

func TestCTR(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		for i, size := range keySizes {
			p, counter := newPair(t, impl, random(r, size)), [16]byte(random(r, 16))
			stream, wantStream := p.CTR(&counter), cipher.NewCTR(p.std, counter[:])
			everyLength(t, 1+2*i, func(t *testing.T, n int, at placement) {
				src, want := random(r, n), make([]byte, n)
				cipher.NewCTR(p.std, counter[:]).XORKeyStream(want, src)
				if !bytes.Equal(at.run(t, src, 0, p.CTR(&counter).XORKeyStream), want) {
					t.Errorf("AES-%d differs", 8*size)
				}
				// One stream over all lengths.
				wantStream.XORKeyStream(want, src)
				if !bytes.Equal(at.run(t, src, 0, stream.XORKeyStream), want) {
					t.Errorf("AES-%d in parts differs", 8*size)
				}
			})
		}
	})
}

// TestCounterOverflow has counters some blocks before they pass 2^64 and 2^128.
func TestCounterOverflow(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 16))
		for _, high := range []byte{0x17, 0xff} {
			for before := range 70 {
				counter := [16]byte(bytes.Repeat([]byte{0xff}, 16))
				counter[0] = high
				counter[15] -= byte(before)
				src := random(r, 16*100+5)
				want, got := make([]byte, len(src)), make([]byte, len(src))
				cipher.NewCTR(p.std, counter[:]).XORKeyStream(want, src)
				p.CTR(&counter).XORKeyStream(got, src)
				if !bytes.Equal(got, want) {
					t.Errorf("%d blocks before %x...: differs", before+1, high)
				}
			}
		}
	})
}

// TestLong is longer than what the assembly is given at a time.
func TestLong(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p, iv := newPair(t, impl, random(r, 32)), [16]byte(random(r, 16))
		src := random(r, 3*(64<<10)+1024+16)
		want, got := make([]byte, len(src)), make([]byte, len(src))
		cipher.NewCBCDecrypter(p.std, iv[:]).CryptBlocks(want, src)
		if p.CBCDecrypter(&iv).CryptBlocks(got, src); !bytes.Equal(got, want) {
			t.Error("CBC differs")
		}
		cipher.NewCBCEncrypter(p.std, iv[:]).CryptBlocks(want, src)
		if p.CBCEncrypter(&iv).CryptBlocks(got, src); !bytes.Equal(got, want) {
			t.Error("CBC encryption differs")
		}
		cipher.NewCTR(p.std, iv[:]).XORKeyStream(want, src)
		if p.CTR(&iv).XORKeyStream(got, src); !bytes.Equal(got, want) {
			t.Error("CTR differs")
		}
		if p.ECBDecrypter().CryptBlocks(got, src); !bytes.Equal(got, stdECB(p.std.Decrypt, src)) {
			t.Error("ECB differs")
		}
		std, _ := cipher.NewGCM(p.std)
		sealed := std.Seal(nil, iv[:12], src, src)
		aead, _ := p.GCM(12, 16)
		if !bytes.Equal(aead.Seal(nil, iv[:12], src, src), sealed) {
			t.Error("GCM differs")
		}
		if plain, err := aead.Open(nil, iv[:12], sealed, src); err != nil || !bytes.Equal(plain, src) {
			t.Error("GCM does not come back")
		}
	})
}

// TestMisuse: what crypto/cipher panics on.
func TestMisuse(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		p := newPair(t, impl, make([]byte, 16))
		var iv [16]byte
		b := make([]byte, 64)
		for name, f := range map[string]func(dst, src []byte){
			"ECB": p.ECBEncrypter().CryptBlocks, "CBC": p.CBCDecrypter(&iv).CryptBlocks,
			"CBC encryption": p.CBCEncrypter(&iv).CryptBlocks, "CTR": p.CTR(&iv).XORKeyStream,
		} {
			for i, bad := range [][2][]byte{{b[:31], b[:32]}, {b[1:33], b[:32]}, {b[:32], b[16:48]}} {
				if !panics(func() { f(bad[0], bad[1]) }) {
					t.Errorf("%s takes case %d", name, i)
				}
			}
			if name != "CTR" && !panics(func() { f(b[:32], b[32:47]) }) {
				t.Errorf("%s takes part of a block", name)
			}
		}
	})
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return
}

func TestNew(t *testing.T) {
	for n := range 40 {
		k, err := New(make([]byte, n))
		if ok := n == 16 || n == 24 || n == 32; ok != (err == nil) || ok != (k != nil) {
			t.Errorf("key of %d bytes: %v", n, err)
		}
	}
}

func TestOnce(t *testing.T) {
	r := newRand()
	forEach(t, func(t *testing.T, impl implementation) {
		for _, size := range keySizes {
			key, block := random(r, size), [16]byte(random(r, 16))
			want := make([]byte, 16)
			newPair(t, impl, key).std.Encrypt(want, block[:])
			if impl.once.encrypt(key, &block); !bytes.Equal(block[:], want) {
				t.Errorf("key of %d bytes: %x, want %x", size, block, want)
			}
			data, counter := random(r, 3000+size), [16]byte(random(r, 16))
			wanted := make([]byte, len(data))
			cipher.NewCTR(newPair(t, impl, key).std, counter[:]).XORKeyStream(wanted, data)
			if impl.once.ctr(key, &counter, data); !bytes.Equal(data, wanted) {
				t.Errorf("CTR with a key of %d bytes: another result", size)
			}
		}
	})
	for size := range 40 {
		key := make([]byte, size)
		right := slices.Contains(keySizes, size)
		if err := EncryptOnce(key, new([16]byte)); right != (err == nil) {
			t.Errorf("key of %d bytes: %v", size, err)
		}
		if err := CTROnce(key, new([16]byte), make([]byte, 20)); right != (err == nil) {
			t.Errorf("CTR with a key of %d bytes: %v", size, err)
		}
	}
}
