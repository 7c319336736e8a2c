package aes

import (
	"crypto/cipher"
	"fmt"
	"testing"
)

func BenchmarkModes(b *testing.B) {
	for _, impl := range implementations {
		p := newPair(b, impl, make([]byte, 32))
		for _, n := range []int{16, 256, 1 << 10, 16 << 10} {
			for name, f := range modesOf(b, p.Key, n) {
				b.Run(fmt.Sprintf("%s/%d/%s", name, n, impl.name), func(b *testing.B) {
					b.SetBytes(int64(n))
					b.ReportAllocs()
					for b.Loop() {
						f()
					}
				})
			}
		}
	}
}

// modesOf is an operation on n bytes in each mode.
func modesOf(t testing.TB, k *Key, n int) map[string]func() {
	var iv [16]byte
	aead, err := k.GCM(12, 16)
	if err != nil {
		t.Fatal(err)
	}
	src, dst := make([]byte, n), make([]byte, n+16)
	sealed := aead.Seal(nil, iv[:12], src, nil)
	return map[string]func(){
		"ECB":        func() { cryptOnce(k.ECBEncrypter(), dst, src) },
		"CBC":        func() { cryptOnce(k.CBCDecrypter(&iv), dst, src) },
		"CBCEncrypt": func() { cryptOnce(k.CBCEncrypter(&iv), dst, src) },
		"XTS":        func() { k.modes.xts(iv, dst, src, true) },
		"CTR": func() {
			s := k.CTR(&iv)
			s.XORKeyStream(dst, src)
			Release(s)
		},
		"Seal": func() { aead.Seal(dst[:0], iv[:12], src, nil) },
		"Open": func() {
			if _, err := aead.Open(dst[:0], iv[:12], sealed, nil); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func cryptOnce(m cipher.BlockMode, dst, src []byte) {
	m.CryptBlocks(dst, src)
	Release(m)
}

func BenchmarkNew(b *testing.B) {
	for _, impl := range implementations {
		b.Run(impl.name, func(b *testing.B) {
			key := make([]byte, 32)
			b.ReportAllocs()
			for b.Loop() {
				newPair(b, impl, key)
			}
		})
	}
}
