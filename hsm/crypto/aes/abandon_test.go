package aes

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

// TestAbandon: whatever was made of an abandoned key goes on as it was.
func TestAbandon(t *testing.T) {
	forEach(t, func(t *testing.T, impl implementation) {
		raw := random(newRand(), 32)
		std := newPair(t, impl, raw).std
		key := &Key{std, impl.make(raw, std)}
		iv := [blockSize]byte{1}
		aead, err := key.GCM(12, 16)
		if err != nil {
			t.Fatal(err)
		}
		used := struct {
			ecb, ctr, cbc, gcm func() []byte
		}{
			ecb: inPlace(key.ECBEncrypter().CryptBlocks), ctr: inPlace(key.CTR(&iv).XORKeyStream),
			cbc: inPlace(key.CBCDecrypter(&iv).CryptBlocks),
			gcm: func() []byte { return aead.Seal(nil, iv[:12], make([]byte, 100), nil) },
		}
		key.Abandon()
		key.Abandon()
		key = nil
		for range 5 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		fresh := newPair(t, impl, raw)
		freshAEAD, err := fresh.GCM(12, 16)
		if err != nil {
			t.Fatal(err)
		}
		for name, pair := range map[string][2][]byte{
			"ECB": {used.ecb(), inPlace(fresh.ECBEncrypter().CryptBlocks)()},
			"CTR": {used.ctr(), inPlace(fresh.CTR(&iv).XORKeyStream)()},
			"CBC": {used.cbc(), inPlace(fresh.CBCDecrypter(&iv).CryptBlocks)()},
			"GCM": {used.gcm(), freshAEAD.Seal(nil, iv[:12], make([]byte, 100), nil)},
		} {
			if !bytes.Equal(pair[0], pair[1]) {
				t.Errorf("%s changed when its key was abandoned", name)
			}
		}
	})
}

// inPlace does some blocks of zeros.
func inPlace(crypt func(dst, src []byte)) func() []byte {
	return func() []byte {
		b := make([]byte, 160)
		crypt(b, b)
		return b
	}
}
