package aes

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
)

// sizes returns an AEAD and the standard library's.
func (p pair) sizes(t testing.TB, ivSize int) (got, want cipher.AEAD) {
	t.Helper()
	got, err := p.GCM(ivSize, 16)
	if err != nil {
		t.Fatal(err)
	}
	want, err = cipher.NewGCMWithNonceSize(p.std, ivSize)
	if err != nil {
		t.Fatal(err)
	}
	return got, want
}

func TestGCM(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		for i, size := range keySizes {
			p := newPair(t, impl, random(r, size))
			everyLength(t, 1+2*i, func(t *testing.T, n int, at placement) {
				got, want := p.sizes(t, 12)
				iv, aad, plain := random(r, 12), random(r, n%131), random(r, n)
				sealed := want.Seal(nil, iv, plain, aad)
				if !bytes.Equal(at.run(t, plain, 16, func(dst, src []byte) { got.Seal(dst[:0], iv, src, aad) }), sealed) {
					t.Errorf("AES-%d: sealed differs", 8*size)
				}
				opened := at.run(t, sealed, 0, func(dst, src []byte) {
					if _, err := got.Open(dst[:0], iv, src, aad); err != nil {
						t.Errorf("AES-%d: %v", 8*size, err)
					}
				})
				if !bytes.Equal(opened[:n], plain) {
					t.Errorf("AES-%d: opened differs", 8*size)
				}
			})
		}
	})
}

// TestGCMAdditionalData has additional data and IVs of all lengths.
func TestGCMAdditionalData(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 16))
		for n := 1; n < 1200; n++ {
			got, want := p.sizes(t, n)
			iv, aad, plain := random(r, n), random(r, 1200-n), random(r, n/10)
			if !bytes.Equal(got.Seal(nil, iv, plain, aad), want.Seal(nil, iv, plain, aad)) {
				t.Errorf("IV of %d bytes: differs", n)
			}
		}
	})
}

// TestGCMRefuses: a message with anything changed, and then nothing is let out.
func TestGCMRefuses(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 32))
		for _, n := range []int{0, 1, 16, 100, 200, 3000} {
			aead, _ := p.sizes(t, 12)
			iv, aad := random(r, 12), random(r, 20)
			sealed := aead.Seal(nil, iv, random(r, n), aad)
			for name, place := range map[string]*byte{"IV": &iv[11], "aad": &aad[19], "start": &sealed[0], "tag": &sealed[n+15]} {
				*place ^= 0x80
				dst := make([]byte, n)
				if _, err := aead.Open(dst[:0], iv, sealed, aad); err == nil || !bytes.Equal(dst, make([]byte, n)) {
					t.Errorf("%d bytes with another %s: %v, %x", n, name, err, dst)
				}
				*place ^= 0x80
			}
			for _, cut := range []int{1, 15, 16} {
				if _, err := aead.Open(nil, iv, sealed[:n+16-cut], aad); err == nil {
					t.Errorf("%d bytes without the last %d: no error", n, cut)
				}
			}
		}
	})
}

func TestGCMSizes(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 16))
		for _, n := range []int{0, 5, 1000} {
			for tagSize := range 18 {
				iv, aad, plain := random(r, 12), random(r, 9), random(r, n)
				_, full := p.sizes(t, 12)
				aead, err := p.GCM(12, tagSize)
				_, partsErr := p.NewGCMEncrypter(iv, aad, tagSize)
				if !gcm.ValidSizes(12, tagSize) {
					if err != gcm.ErrParameter || partsErr != gcm.ErrParameter {
						t.Errorf("tag of %d bytes: %v, %v", tagSize, err, partsErr)
					}
					continue
				}
				sealed := aead.Seal([]byte("before"), iv, plain, aad)
				if want := full.Seal([]byte("before"), iv, plain, aad); !bytes.Equal(sealed, want[:6+n+tagSize]) {
					t.Errorf("tag of %d bytes: differs", tagSize)
				}
				if opened, err := aead.Open(nil, iv, sealed[6:], aad); err != nil || !bytes.Equal(opened, plain) {
					t.Errorf("tag of %d bytes: %v", tagSize, err)
				}
			}
		}
		if _, err := p.GCM(0, 16); err != gcm.ErrParameter {
			t.Errorf("no IV: %v", err)
		}
	})
}

// inParts encrypts by parts of lengths that next returns.
func inParts(t testing.TB, p pair, iv, aad, plain []byte, next func() int) []byte {
	t.Helper()
	e, err := p.NewGCMEncrypter(iv, aad, 16)
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(plain)
	for rest := out; len(rest) > 0; {
		n := min(next(), len(rest))
		e.Encrypt(rest[:n], rest[:n])
		rest = rest[n:]
	}
	return append(out, e.Tag()...)
}

func TestGCMInParts(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 32))
		_, std := p.sizes(t, 12)
		iv, aad := random(r, 12), random(r, 33)
		for _, size := range []int{1, 15, 16, 17, 511, 513, 1024, 1500, 5000} {
			for _, n := range []int{0, 1, 16, 100, 2047, 4097, 70000} {
				plain := random(r, n)
				for name, next := range map[string]func() int{
					"equal": func() int { return size }, "random": func() int { return r.IntN(size + 1) },
				} {
					if !bytes.Equal(inParts(t, p, iv, aad, plain, next), std.Seal(nil, iv, plain, aad)) {
						t.Errorf("%d bytes in %s parts of %d: differs", n, name, size)
					}
				}
			}
		}
	})
}

// TestGCMCounterWraps looks for IVs of 16 bytes with which the last 32 bits of the
// counter come back to 0 within a message, which is one of 2^32/blocks: it takes
// J_0 from the tag of an empty message, whose hash is 0.
func TestGCMCounterWraps(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		r := newRand()
		p := newPair(t, impl, random(r, 16))
		got, want := p.sizes(t, 16)
		const blocks = 1 << 14
		plain, j0 := random(r, 16*blocks), make([]byte, 16)
		for tries := 0; ; tries++ {
			iv := random(r, 16)
			p.std.Decrypt(j0, want.Seal(nil, iv, nil, nil))
			if -binary.BigEndian.Uint32(j0[12:]) > blocks {
				if tries > 10<<18 {
					t.Fatal("no such IV")
				}
				continue
			}
			sealed := want.Seal(nil, iv, plain, nil)
			if !bytes.Equal(got.Seal(nil, iv, plain, nil), sealed) {
				t.Error("sealed differs")
			}
			if opened, err := got.Open(nil, iv, sealed, nil); err != nil || !bytes.Equal(opened, plain) {
				t.Error("opened differs")
			}
			if !bytes.Equal(inParts(t, p, iv, nil, plain, func() int { return 1000 }), sealed) {
				t.Error("in parts differs")
			}
			return
		}
	})
}
