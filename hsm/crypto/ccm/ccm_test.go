package ccm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
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

// upTo is n bytes that count from first.
func upTo(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// TestExamples holds the four examples of SP 800-38C appendix C, and the first
// two packets of RFC 3610 section 8, whose associated data is the packet's header.
func TestExamples(t *testing.T) {
	nist := upTo(0x40, 16)
	rfc := upTo(0xc0, 16)
	for _, v := range []struct {
		name                   string
		key, nonce, aad, plain []byte
		tag                    int
		sealed                 string
	}{
		{"1", nist, upTo(0x10, 7), upTo(0, 8), upTo(0x20, 4), 4, "7162015b4dac255d"},
		{"2", nist, upTo(0x10, 8), upTo(0, 16), upTo(0x20, 16), 6, "d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd"},
		{"3", nist, upTo(0x10, 12), upTo(0, 20), upTo(0x20, 24), 8,
			"e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"},
		{"4", nist, upTo(0x10, 13), upTo(0, 1<<16), upTo(0x20, 32), 14,
			"69915dad1e84c6376a68c2967e4dab615ae0fd1faec44cc484828529463ccf72b4ac6bec93e8598e7f0dadbcea5b"},
		{"RFC 3610, packet 1", rfc, unhex(t, "00000003020100a0a1a2a3a4a5"), upTo(0, 8), upTo(8, 23), 8,
			"588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"},
		{"RFC 3610, packet 2", rfc, unhex(t, "00000004030201a0a1a2a3a4a5"), upTo(0, 8), upTo(8, 24), 8,
			"72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916"},
	} {
		block, _ := aes.NewCipher(v.key)
		a, err := New(block, len(v.nonce), v.tag)
		if err != nil {
			t.Fatal(err)
		}
		want := unhex(t, v.sealed)
		if got := a.Seal(nil, v.nonce, v.plain, v.aad); !bytes.Equal(got, want) {
			t.Errorf("example %s: %x, want %x", v.name, got, want)
		}
		if back, err := a.Open(nil, v.nonce, want, v.aad); err != nil || !bytes.Equal(back, v.plain) {
			t.Errorf("example %s: decrypts to %x, %v", v.name, back, err)
		}
	}
}

// reference is sections 6.1 and 5.3 by the letter, one block after the other over
// the formatted input of appendix A as a whole.
func reference(block cipher.Block, nonce, plain, aad []byte, tagSize int) []byte {
	q := 15 - len(nonce)
	field := func(n uint64, size int) []byte { return binary.BigEndian.AppendUint64(nil, n)[8-size:] }
	fill := func(b []byte) []byte { return append(b, make([]byte, (16-len(b)%16)%16)...) }
	flags := byte(8*(tagSize-2)/2 + q - 1)
	b := []byte{flags}
	if len(aad) > 0 {
		b[0] += 64
	}
	b = append(append(b, nonce...), field(uint64(len(plain)), q)...)
	switch {
	case len(aad) >= 0xff00:
		b = append(append(b, 0xff, 0xfe), field(uint64(len(aad)), 4)...)
	case len(aad) > 0:
		b = append(b, field(uint64(len(aad)), 2)...)
	}
	b = fill(append(fill(append(b, aad...)), plain...))
	y := make([]byte, 16)
	for i := 0; i < len(b); i += 16 {
		for j := range y {
			y[j] ^= b[i+j]
		}
		block.Encrypt(y, y)
	}
	key := func(i int) []byte {
		ctr := append(append([]byte{byte(q - 1)}, nonce...), field(uint64(i), q)...)
		block.Encrypt(ctr, ctr)
		return ctr
	}
	out := bytes.Clone(plain)
	for i := range out {
		out[i] ^= key(1 + i/16)[i%16]
	}
	for j, s := range key(0)[:tagSize] {
		out = append(out, y[j]^s)
	}
	return out
}

// checkAgainstReference seals whole, in place and in parts, opens, and opens with
// one bit changed everywhere.
func checkAgainstReference(t *testing.T, key, nonce, plain, aad []byte, tagSize, partSize int) {
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(block, len(nonce), tagSize)
	if err != nil {
		t.Fatal(err)
	}
	want := reference(block, nonce, plain, aad, tagSize)
	if got := a.Seal([]byte{7}, nonce, plain, aad); !bytes.Equal(got[1:], want) || got[0] != 7 {
		t.Fatalf("nonce %d, aad %d, plain %d, tag %d: %x, want %x", len(nonce), len(aad), len(plain), tagSize, got[1:], want)
	}
	e, err := NewEncrypter(block, nonce, aad, uint64(len(plain)), tagSize)
	if err != nil {
		t.Fatal(err)
	}
	inPlace := append(make([]byte, 0, len(want)), plain...)
	for rest := inPlace; len(rest) > 0; {
		n := min(partSize, len(rest))
		e.Encrypt(rest, rest[:n])
		rest = rest[n:]
	}
	if got := append(inPlace, e.Tag()...); !bytes.Equal(got, want) {
		t.Fatalf("in parts of %d: %x, want %x", partSize, got, want)
	}
	if back, err := a.Open(inPlace[:0], nonce, bytes.Clone(want), aad); err != nil || !bytes.Equal(back, plain) {
		t.Fatalf("opens as %x, %v", back, err)
	}
	for i := range want {
		want[i] ^= 0x10
		dst := make([]byte, len(plain))
		if _, err := a.Open(dst[:0], nonce, want, aad); err != ErrOpen || !bytes.Equal(dst, make([]byte, len(plain))) {
			t.Fatalf("byte %d changed: %x, %v", i, dst, err)
		}
		want[i] ^= 0x10
	}
}

func TestReference(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{'c', 'c', 'm'})
	random := func(n int) []byte { b := make([]byte, n); rng.Read(b); return b }
	for nonce := MinNonceSize; nonce <= MaxNonceSize; nonce++ {
		for i, tag := range tagSizes {
			for _, n := range []int{0, 1, 15, 16, 17, 100} {
				checkAgainstReference(t, random(16+8*(i%3)), random(nonce), random(n), random(n*i), tag, 1+i*7)
			}
		}
	}
	for _, aad := range []int{0xfeff, 0xff00, 0x10001} { // around the end of the short length
		checkAgainstReference(t, random(16), random(12), random(2100), random(aad), 16, 1025)
	}
}

func FuzzReference(f *testing.F) {
	f.Add(upTo(0x40, 16), upTo(0x10, 12), upTo(0x20, 24), upTo(0, 20), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, key, nonce, plain, aad []byte, tag, part uint8) {
		if n := len(key); n != 16 && n != 24 && n != 32 || len(nonce) < MinNonceSize || len(nonce) > MaxNonceSize {
			return
		}
		if len(plain) > 1<<12 { // the test itself is quadratic
			return
		}
		checkAgainstReference(t, key, nonce, plain, aad, tagSizes[int(tag)%len(tagSizes)], 1+int(part))
	})
}

func TestRefuses(t *testing.T) {
	block, _ := aes.NewCipher(make([]byte, 16))
	small, _ := des.NewCipher(make([]byte, 8))
	for _, c := range []struct {
		block      cipher.Block
		nonce, tag int
	}{
		{block, 6, 16}, {block, 14, 16}, {block, 0, 16}, {small, 12, 16},
		{block, 12, 0}, {block, 12, 2}, {block, 12, 5}, {block, 12, 18}, {block, 12, -4},
	} {
		if _, err := New(c.block, c.nonce, c.tag); err != ErrParameter {
			t.Errorf("New with a nonce of %d and a tag of %d: %v", c.nonce, c.tag, err)
		}
		if _, err := NewEncrypter(c.block, make([]byte, c.nonce), nil, 0, c.tag); err != ErrParameter {
			t.Errorf("NewEncrypter with a nonce of %d and a tag of %d: %v", c.nonce, c.tag, err)
		}
	}
	if _, err := NewEncrypter(block, make([]byte, 13), nil, 1<<16, 16); err != ErrParameter {
		t.Errorf("a plaintext that is too long: %v", err)
	}
	a, err := New(block, 12, 16)
	if err != nil || a.NonceSize() != 12 || a.Overhead() != 16 {
		t.Fatal(a, err)
	}
	if _, err := a.Open(nil, make([]byte, 12), make([]byte, 15), nil); err != ErrOpen {
		t.Errorf("less than a tag: %v", err)
	}
}

func TestMaxPlaintext(t *testing.T) {
	for nonce, want := range map[int]uint64{13: 1<<16 - 1, 12: 1<<24 - 1, 8: 1<<56 - 1, 7: math.MaxUint64} {
		if got := MaxPlaintext(nonce); got != want {
			t.Errorf("MaxPlaintext(%d) = %d, want %d", nonce, got, want)
		}
	}
	block, _ := aes.NewCipher(make([]byte, 16))
	a, err := New(block, 13, 16)
	if err != nil {
		t.Fatal(err)
	}
	nonce, most := make([]byte, 13), make([]byte, 1<<16)
	if back, err := a.Open(nil, nonce, a.Seal(nil, nonce, most[:1<<16-1], nil), nil); err != nil || len(back) != 1<<16-1 {
		t.Errorf("the longest plaintext: %d bytes, %v", len(back), err)
	}
	if _, err := a.Open(nil, nonce, append(most, make([]byte, 16)...), nil); err != ErrOpen {
		t.Errorf("more than that: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("sealed more than that")
		}
	}()
	a.Seal(nil, nonce, most, nil)
}

func BenchmarkSeal(b *testing.B) {
	block, _ := aes.NewCipher(make([]byte, 32))
	a, err := New(block, 12, 16)
	if err != nil {
		b.Fatal(err)
	}
	nonce, plain, dst := make([]byte, 12), make([]byte, 16<<10), make([]byte, 0, 17<<10)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		a.Seal(dst, nonce, plain, nil)
	}
}
