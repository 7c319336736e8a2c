package keywrap

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

func newAES(t testing.TB, key []byte) cipher.Block {
	t.Helper()
	b, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRFC holds the vectors of RFC 3394 section 4 and RFC 5649 section 6.
func TestRFC(t *testing.T) {
	const (
		key256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		key192 = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"
		plain  = "00112233445566778899aabbccddeeff"
	)
	for _, v := range []struct {
		name, key, plain, wrapped string
		pad                       bool
	}{
		{"3394 4.1", key256[:32], plain, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5", false},
		{"3394 4.2", key256[:48], plain, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d", false},
		{"3394 4.3", key256, plain, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7", false},
		{"5649 20 bytes", key192, "c37b7e6492584340bed12207808941155068f738",
			"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a", true},
		{"5649 7 bytes", key192, "466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f", true},
	} {
		t.Run(v.name, func(t *testing.T) {
			if err := knownAnswer(v.key, v.plain, v.wrapped, v.pad); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLengths wraps every length up to 80 bytes and says which are refused.
func TestLengths(t *testing.T) {
	block := newAES(t, make([]byte, 32))
	for n := range 81 {
		plain := bytes.Repeat([]byte{0x5a}, n)
		wrapped, err := Wrap(block, nil, plain)
		if ok := n >= 16 && n%8 == 0; ok != (err == nil) {
			t.Errorf("Wrap of %d bytes: %v", n, err)
		} else if ok {
			if len(wrapped) != WrapSize(n) {
				t.Errorf("Wrap of %d bytes gives %d, WrapSize %d", n, len(wrapped), WrapSize(n))
			}
			if back, err := Unwrap(block, nil, wrapped); err != nil || !bytes.Equal(back, plain) {
				t.Errorf("Unwrap of Wrap of %d bytes: %x, %v", n, back, err)
			}
		}
		wrapped, err = WrapPad(block, nil, plain)
		if ok := n > 0; ok != (err == nil) {
			t.Errorf("WrapPad of %d bytes: %v", n, err)
		} else if ok {
			if len(wrapped) != WrapPadSize(n) {
				t.Errorf("WrapPad of %d bytes gives %d, WrapPadSize %d", n, len(wrapped), WrapPadSize(n))
			}
			if back, err := UnwrapPad(block, nil, wrapped); err != nil || !bytes.Equal(back, plain) {
				t.Errorf("UnwrapPad of WrapPad of %d bytes: %x, %v", n, back, err)
			}
		}
		_, err = Unwrap(block, nil, plain)
		if want := map[bool]error{true: ErrIntegrity, false: ErrLength}[n >= 24 && n%8 == 0]; !errors.Is(err, want) {
			t.Errorf("Unwrap of %d bytes of nothing: %v, want %v", n, err, want)
		}
		_, err = UnwrapPad(block, nil, plain)
		if want := map[bool]error{true: ErrIntegrity, false: ErrLength}[n >= 16 && n%8 == 0]; !errors.Is(err, want) {
			t.Errorf("UnwrapPad of %d bytes of nothing: %v, want %v", n, err, want)
		}
	}
}

// TestOtherIV checks that an IV other than the default one is used and needed.
// TestTooLong is refused before any of it is looked at.
func TestTooLong(t *testing.T) {
	block := newAES(t, make([]byte, 16))
	long := make([]byte, maxLen+3*semiblock)
	for name, do := range map[string]func() ([]byte, error){
		"Wrap":      func() ([]byte, error) { return Wrap(block, nil, long[:maxLen+semiblock]) },
		"WrapPad":   func() ([]byte, error) { return WrapPad(block, nil, long[:maxLen+1]) },
		"Unwrap":    func() ([]byte, error) { return Unwrap(block, nil, long) },
		"UnwrapPad": func() ([]byte, error) { return UnwrapPad(block, nil, long) },
	} {
		if out, err := do(); out != nil || !errors.Is(err, ErrLength) {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
	}
}

func TestOtherIV(t *testing.T) {
	block := newAES(t, make([]byte, 16))
	plain := make([]byte, 24)
	iv, prefix := &[8]byte{1, 2, 3}, &[4]byte{4, 5}
	wrapped, _ := Wrap(block, iv, plain)
	if _, err := Unwrap(block, iv, wrapped); err != nil {
		t.Error(err)
	}
	if _, err := Unwrap(block, nil, wrapped); err != ErrIntegrity {
		t.Errorf("the default IV undoes another: %v", err)
	}
	wrapped, _ = WrapPad(block, prefix, plain)
	if _, err := UnwrapPad(block, prefix, wrapped); err != nil {
		t.Error(err)
	}
	if _, err := UnwrapPad(block, nil, wrapped); err != ErrIntegrity {
		t.Errorf("the default prefix undoes another: %v", err)
	}
}

// TestBadPadding makes inputs of KWP that are wrong in one place only.
func TestBadPadding(t *testing.T) {
	block := newAES(t, make([]byte, 16))
	for _, size := range []int{8, 16, 40} {
		for _, tc := range []struct {
			name string
			ok   bool
			make func(buf []byte)
		}{
			{"whole", true, func(b []byte) { binary.BigEndian.PutUint32(b[4:], uint32(size)) }},
			{"7 bytes of padding", true, func(b []byte) { binary.BigEndian.PutUint32(b[4:], uint32(size-7)) }},
			{"8 bytes of padding", false, func(b []byte) { binary.BigEndian.PutUint32(b[4:], uint32(size-8)) }},
			{"longer than there is", false, func(b []byte) { binary.BigEndian.PutUint32(b[4:], uint32(size+1)) }},
			{"huge length", false, func(b []byte) { binary.BigEndian.PutUint32(b[4:], 0xffffffff) }},
			{"padding not zero", false, func(b []byte) {
				binary.BigEndian.PutUint32(b[4:], uint32(size-3))
				b[len(b)-2] = 1
			}},
			{"first byte of padding", false, func(b []byte) {
				binary.BigEndian.PutUint32(b[4:], uint32(size-3))
				b[len(b)-3] = 1
			}},
			{"last byte of data", true, func(b []byte) {
				binary.BigEndian.PutUint32(b[4:], uint32(size-3))
				b[len(b)-4] = 1
			}},
			{"prefix", false, func(b []byte) {
				binary.BigEndian.PutUint32(b[4:], uint32(size))
				b[3]++
			}},
		} {
			buf := make([]byte, semiblock+size)
			copy(buf, defaultPrefix[:])
			tc.make(buf)
			permute(block, buf)
			if _, err := UnwrapPad(block, nil, buf); (err == nil) != tc.ok || (err != nil && err != ErrIntegrity) {
				t.Errorf("%d bytes, %s: %v", size, tc.name, err)
			}
		}
	}
}

// TestEveryBitCounts changes each bit of a wrapped key.
func TestEveryBitCounts(t *testing.T) {
	block := newAES(t, make([]byte, 24))
	for _, n := range []int{16, 32} {
		kw, _ := Wrap(block, nil, make([]byte, n))
		kwp, _ := WrapPad(block, nil, make([]byte, n-5))
		for bit := range 8 * len(kw) {
			kw[bit/8] ^= 1 << (bit % 8)
			if _, err := Unwrap(block, nil, kw); err != ErrIntegrity {
				t.Errorf("KW of %d bytes, bit %d: %v", n, bit, err)
			}
			kw[bit/8] ^= 1 << (bit % 8)
		}
		for bit := range 8 * len(kwp) {
			kwp[bit/8] ^= 1 << (bit % 8)
			if _, err := UnwrapPad(block, nil, kwp); err != ErrIntegrity {
				t.Errorf("KWP of %d bytes, bit %d: %v", n, bit, err)
			}
			kwp[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// shift is W of SP 800-38F section 6.1 as it stands there, with all semiblocks
// moved in each step; permute uses the indexed form.
func shift(block cipher.Block, in []byte) []byte {
	r := bytes.Clone(in)
	n := len(r) / semiblock
	for t := 1; t <= 6*(n-1); t++ {
		b := make([]byte, blockSize)
		copy(b, r[:blockSize])
		block.Encrypt(b, b)
		next := append([]byte(nil), b[:semiblock]...)
		binary.BigEndian.PutUint64(next, binary.BigEndian.Uint64(next)^uint64(t))
		next = append(next, r[blockSize:]...)
		next = append(next, b[semiblock:]...)
		r = next
	}
	return r
}

func FuzzWrap(f *testing.F) {
	f.Add(uint64(1), []byte("sixteen bytes...and more"))
	f.Add(uint64(2), []byte("x"))
	f.Fuzz(func(t *testing.T, seed uint64, plain []byte) {
		key := make([]byte, 32)
		binary.LittleEndian.PutUint64(key, rand.New(rand.NewPCG(seed, 0)).Uint64())
		block := newAES(t, key)
		if len(plain) > 0 {
			wrapped, err := WrapPad(block, nil, plain)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := UnwrapPad(block, nil, wrapped); err != nil || !bytes.Equal(back, plain) {
				t.Fatalf("KWP: %x, %v", back, err)
			}
		}
		if len(plain) >= 16 && len(plain)%8 == 0 {
			wrapped, err := Wrap(block, nil, plain)
			if err != nil {
				t.Fatal(err)
			}
			if want := shift(block, append(defaultIV[:], plain...)); !bytes.Equal(wrapped, want) {
				t.Fatalf("KW: %x, the shifting form gives %x", wrapped, want)
			}
			if back, err := Unwrap(block, nil, wrapped); err != nil || !bytes.Equal(back, plain) {
				t.Fatalf("KW: %x, %v", back, err)
			}
		}
		if _, err := UnwrapPad(block, nil, plain); err == nil {
			t.Fatal("KWP unwraps what nobody wrapped")
		}
		if _, err := Unwrap(block, nil, plain); err == nil {
			t.Fatal("KW unwraps what nobody wrapped")
		}
	})
}
