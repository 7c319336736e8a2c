package aes

import (
	"bytes"
	"crypto/cipher"
	"testing"
)

// FuzzModes compares every implementation with the standard library. The length of
// a part in GCM, and the place that data is decrypted in, come from size.
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
			compareBlocks(t, p, iv, data)
			compareXTS(t, impl, fixed, iv, data)
			compareGCM(t, p, iv, aad, data, int(size)+1)
			compareGCM(t, p, fixed[:12], aad, data, int(size)+1)
		}
	})
}

func compareBlocks(t *testing.T, p pair, iv, data []byte) {
	var first [16]byte
	copy(first[:], iv)
	want, got := make([]byte, len(data)), bytes.Clone(data)
	cipher.NewCTR(p.std, first[:]).XORKeyStream(want, data)
	if p.CTR(&first).XORKeyStream(got, got); !bytes.Equal(got, want) {
		t.Errorf("CTR: %x, want %x", got, want)
	}
	data = data[:len(data)&^15]
	want, got = want[:len(data)], bytes.Clone(data)
	cipher.NewCBCDecrypter(p.std, first[:]).CryptBlocks(want, data)
	if p.CBCDecrypter(&first).CryptBlocks(got, got); !bytes.Equal(got, want) {
		t.Errorf("CBC: %x, want %x", got, want)
	}
	copy(got, data)
	if p.ECBDecrypter().CryptBlocks(got, got); !bytes.Equal(got, stdECB(p.std.Decrypt, data)) {
		t.Errorf("ECB decryption: %x", got)
	}
	if p.ECBEncrypter().CryptBlocks(got, got); !bytes.Equal(got, data) {
		t.Errorf("ECB: %x, want %x", got, data)
	}
}

func compareXTS(t *testing.T, impl implementation, key, number, data []byte) {
	if len(key) == 24 || len(data) < 16 {
		return
	}
	var first [16]byte
	copy(first[:], number)
	both := append(bytes.Clone(key), bytes.Repeat([]byte{7}, len(key))...)
	if !bytes.Equal(sealUnit(t, impl, both, first[:], data), slowXTS(both, first[:], data)) {
		t.Errorf("XTS of %d bytes: differs", len(data))
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
