package aes

import (
	"crypto/cipher"
	"crypto/rand"
	"strconv"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/crypto/internal/dudect"
)

// BenchmarkTiming looks for a timing leak of every mode: it times data and a key of zeros
// against random ones, and, for Open, a tag that is wrong at its start against one that is
// at its end. It is a report.
func BenchmarkTiming(b *testing.B) {
	for _, impl := range implementations {
		for _, mode := range []string{"ECB", "CBC", "CBCEncrypt", "XTS", "CTR", "Seal", "Open"} {
			for _, n := range []int{16, 1024} {
				b.Run(mode+"/"+strconv.Itoa(n)+"/"+impl.name, func(b *testing.B) {
					set, run := timed(b, impl, mode, n)
					b.ReportMetric(dudect.Measure(max(b.N, 5000), set, run), "|t|")
				})
			}
		}
	}
}

// timed is a mode on n bytes: with class 0 all of it is of zeros. What it takes to set a
// class up is the same for both.
func timed(t testing.TB, impl implementation, mode string, n int) (set func(class int), run func()) {
	keys, aeads := [2]*Key{}, [2]cipher.AEAD{}
	for class, key := range [2][]byte{make([]byte, 32), random(newRand(), 32)} {
		p := newPair(t, impl, key)
		keys[class] = p.Key
		aeads[class], _ = p.sizes(t, 12)
	}
	var iv [16]byte
	src, dst, fresh := make([]byte, n+16), make([]byte, n+16), make([]byte, n+16)
	inputs := [2][]byte{make([]byte, n+16), fresh}
	k, aead := keys[0], aeads[0]
	sealed := aead.Seal(nil, iv[:12], src[:n], nil)
	set = func(class int) {
		rand.Read(fresh)
		k, aead = keys[class], aeads[class]
		copy(src, inputs[class])
		if mode == "Open" {
			aead = aeads[0]
			copy(src, sealed)
			src[n+15*class] ^= 1
		}
	}
	return set, map[string]func(){
		"ECB":        func() { k.ECBEncrypter().CryptBlocks(dst[:n], src[:n]) },
		"CBC":        func() { k.CBCDecrypter(&iv).CryptBlocks(dst[:n], src[:n]) },
		"CBCEncrypt": func() { k.CBCEncrypter(&iv).CryptBlocks(dst[:n], src[:n]) },
		"XTS":        func() { k.modes.xts(iv, dst[:n], src[:n], true) },
		"CTR":        func() { k.CTR(&iv).XORKeyStream(dst[:n], src[:n]) },
		"Seal":       func() { aead.Seal(dst[:0], iv[:12], src[:n], nil) },
		"Open":       func() { aead.Open(dst[:0], iv[:12], src, nil) },
	}[mode]
}
