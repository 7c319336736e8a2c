package aes

import (
	"bytes"
	"crypto/cipher"
	"testing"
)

// FuzzModes compares every implementation with the standard library. The length of
// a part, the size of the tag, and where buffers lie come from size.
func FuzzModes(f *testing.F) {
	f.Add([]byte("key"), []byte("iv"), []byte("associated"), []byte("data"), uint16(3), uint16(7))
	f.Fuzz(func(t *testing.T, key, iv, aad, unit []byte, repeat, size uint16) {
		if len(iv) == 0 || len(iv) > 1000 {
			return
		}
		fixed := make([]byte, keySizes[len(key)%3])
		copy(fixed, key)
		data := bytes.Repeat(unit, int(repeat)%600)
		data = data[:min(len(data), 1<<17)]
		for _, impl := range implementations {
			p := newPair(t, impl, fixed)
			compareBlocks(t, p, iv, data, int(size))
			compareOnce(t, p, impl.once, fixed, iv, data)
			compareXTS(t, impl, fixed, iv, data, int(size))
			compareGCM(t, p, iv, aad, data, int(size)+1)
			compareGCM(t, p, fixed[:12], aad, data, int(size)+1)
		}
	})
}

// compareBlocks does the modes without a tag, between the buffers of a placement, the
// ones that have a state in two parts.
func compareBlocks(t *testing.T, p pair, iv, data []byte, size int) {
	at := placement{size % 64, size / 64 % 64, size/4096%2 == 1}
	var first [16]byte
	copy(first[:], iv)
	want := make([]byte, len(data))
	check := func(mode string, crypt func(dst, src []byte), cut int) {
		got := at.run(t, data, 0, func(dst, src []byte) {
			crypt(dst[:cut], src[:cut])
			crypt(dst[cut:], src[cut:])
		})
		if !bytes.Equal(got, want) {
			t.Errorf("%s in parts of %d and %d bytes: %x, want %x", mode, cut, len(data)-cut, got, want)
		}
	}
	cut := min(size, len(data))
	cipher.NewCTR(p.std, first[:]).XORKeyStream(want, data)
	check("CTR", p.CTR(&first).XORKeyStream, cut)
	data, cut = data[:len(data)&^15], cut&^15
	want = want[:len(data)]
	cipher.NewCBCDecrypter(p.std, first[:]).CryptBlocks(want, data)
	check("CBC decryption", p.CBCDecrypter(&first).CryptBlocks, cut)
	cipher.NewCBCEncrypter(p.std, first[:]).CryptBlocks(want, data)
	check("CBC encryption", p.CBCEncrypter(&first).CryptBlocks, cut)
	want = stdECB(p.std.Decrypt, data)
	check("ECB decryption", p.ECBDecrypter().CryptBlocks, cut)
	want = stdECB(p.std.Encrypt, data)
	check("ECB", p.ECBEncrypter().CryptBlocks, cut)
}

// compareOnce does what is done with keys that are not kept.
func compareOnce(t *testing.T, p pair, o once, key, iv, data []byte) {
	var first, want [16]byte
	copy(first[:], iv)
	stream, got := make([]byte, len(data)), bytes.Clone(data)
	cipher.NewCTR(p.std, first[:]).XORKeyStream(stream, data)
	if counter := first; len(data) > 0 {
		if o.ctr(key, &counter, got); !bytes.Equal(got, stream) {
			t.Errorf("CTR once: %x, want %x", got, stream)
		}
	}
	p.std.Encrypt(want[:], first[:])
	if o.encrypt(key, &first); first != want {
		t.Errorf("a block once: %x, want %x", first, want)
	}
}

// compareXTS does a data unit whole and in two parts.
func compareXTS(t *testing.T, impl implementation, key, number, data []byte, size int) {
	if len(key) == 24 || len(data) < 16 {
		return
	}
	var first [16]byte
	copy(first[:], number)
	both := append(bytes.Clone(key), bytes.Repeat([]byte{7}, len(key))...)
	want := slowXTS(both, first[:], data)
	if !bytes.Equal(sealUnit(t, impl, both, first[:], data), want) {
		t.Errorf("XTS of %d bytes: differs", len(data))
	}
	cut := min(size, max(0, len(data)-32)) &^ 15
	for decrypt, texts := range map[bool][2][]byte{false: {data, want}, true: {want, data}} {
		u, got := newUnit(t, impl, both, &first, decrypt), bytes.Clone(texts[0])
		u.Blocks(got[:cut], got[:cut])
		if u.Last(got[cut:], got[cut:]); !bytes.Equal(got, texts[1]) {
			t.Errorf("XTS of %d and %d bytes, decrypting %t: differs", cut, len(data)-cut, decrypt)
		}
	}
}

func compareGCM(t *testing.T, p pair, iv, aad, data []byte, size int) {
	got, want := p.sizes(t, len(iv))
	sealed := want.Seal(nil, iv, data, aad)
	if out := got.Seal(nil, iv, data, aad); !bytes.Equal(out, sealed) {
		t.Errorf("GCM: %x, want %x", out, sealed)
	}
	if out := inParts(t, p, iv, aad, data, func() int { return size }); !bytes.Equal(out, sealed) {
		t.Errorf("GCM in parts of %d: %x, want %x", size, out, sealed)
	}
	if back, err := got.Open(sealed[:0], iv, sealed, aad); err != nil || !bytes.Equal(back, data) {
		t.Errorf("GCM opens to %x, %v", back, err)
	}
}

// FuzzShortGCM compares what is done in one go, and about as much as that, with the standard
// library: texts and additional data cut from data, a tag of any size, and then one bit
// of the message changed, with which nothing may be opened or written.
func FuzzShortGCM(f *testing.F) {
	f.Add([]byte("key"), []byte("iv"), uint16(256), uint16(240), uint16(6), []byte("data"))
	f.Add([]byte("sixteen"), []byte{}, uint16(17), uint16(0), uint16(130), []byte{0xff, 0})
	f.Fuzz(func(t *testing.T, key, iv []byte, length, aadLength, choice uint16, data []byte) {
		fixed, nonce := make([]byte, keySizes[len(key)%3]), make([]byte, 12)
		copy(fixed, key)
		copy(nonce, iv)
		data = append(bytes.Clone(data), 0)
		stream := bytes.Repeat(data, 2000/len(data)+1)
		plain, aad := stream[:length%600], stream[600:][:aadLength%1200]
		tagSize := []int{4, 8, 12, 13, 14, 15, 16}[choice%7]
		bit := int(choice/7) % (8 * (len(plain) + tagSize))
		for _, impl := range implementations {
			p := newPair(t, impl, fixed)
			got, err := p.GCM(12, tagSize)
			if err != nil {
				t.Fatal(err)
			}
			_, std := p.sizes(t, 12)
			want := std.Seal(nil, nonce, plain, aad)[:len(plain)+tagSize]
			at := placement{int(choice) % 64, int(choice) / 64 % 64, choice>>12&1 == 1}
			sealed := at.run(t, plain, tagSize, func(dst, src []byte) { got.Seal(dst[:0], nonce, src, aad) })
			if !bytes.Equal(sealed, want) {
				t.Errorf("%s: %x, want %x", impl.name, sealed, want)
			}
			if back, err := got.Open(nil, nonce, want, aad); err != nil || !bytes.Equal(back, plain) {
				t.Errorf("%s: %x opens to %x, %v", impl.name, want, back, err)
			}
			want[bit/8] ^= 1 << (bit % 8)
			dst := make([]byte, len(plain))
			if _, err := got.Open(dst[:0], nonce, want, aad); err == nil || !bytes.Equal(dst, make([]byte, len(dst))) {
				t.Errorf("%s: %x with bit %d changed opens: %v, %x", impl.name, want, bit, err, dst)
			}
		}
	})
}
