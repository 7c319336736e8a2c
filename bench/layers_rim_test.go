package bench

import (
	"crypto"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	stdhmac "crypto/hmac"
	"crypto/rand"
	stdrsa "crypto/rsa"
	stdsha256 "crypto/sha256"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/aes"
	"github.com/coffer-hsm/coffer/hsm/crypto/rsa"
)

// The layers at the rim: below all others the algorithms themselves, above them the
// C ABI.

// primitiveLayer is the code that computes, on keys that are ready.
type primitiveLayer struct {
	aead   cipher.AEAD
	sealed uint64 // messages, so that no IV comes twice
	signs  [keyNames]func(src []byte) ([]byte, error)
}

func newPrimitiveLayer(b *testing.B) *primitiveLayer {
	secret := make([]byte, 32)
	prepared, err := aes.New(secret)
	check(b, err)
	aead, err := prepared.GCM(12, 16)
	check(b, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(b, err)
	l := &primitiveLayer{aead: aead}
	l.signs[secret256] = func(src []byte) ([]byte, error) {
		mac := stdhmac.New(stdsha256.New, secret)
		mac.Write(src)
		return mac.Sum(nil), nil
	}
	l.signs[p256] = func(src []byte) ([]byte, error) { return ecdsa.SignASN1(rand.Reader, curve, src) }
	l.signs[rsa2048] = newRSA(b)
	return l
}

// newRSA is what signs in hsm/service, too: Coffer's kernel where there is one.
func newRSA(b *testing.B) func(src []byte) ([]byte, error) {
	key, err := stdrsa.GenerateKey(rand.Reader, 2048)
	check(b, err)
	if !rsa.Accelerated() {
		return func(src []byte) ([]byte, error) { return stdrsa.SignPKCS1v15(nil, key, crypto.Hash(0), src) }
	}
	fast, err := rsa.NewPrivateKey(key)
	check(b, err)
	return func(src []byte) ([]byte, error) { return fast.SignPKCS1v15(nil, crypto.Hash(0), src) }
}

func (l *primitiveLayer) encrypt(_ *testing.B, _ keyName, _ *ck.Mechanism, dst, src []byte) error {
	var iv [12]byte
	l.sealed++
	for i := range 8 {
		iv[i] = byte(l.sealed >> (8 * i))
	}
	l.aead.Seal(dst[:0], iv[:], src, nil)
	return nil
}

func (l *primitiveLayer) sign(_ *testing.B, k keyName, _ *ck.Mechanism, _, src []byte) error {
	_, err := l.signs[k](src)
	return err
}

func (l *primitiveLayer) digest(_ *testing.B, _ *ck.Mechanism, dst, src []byte) error {
	sum := stdsha256.Sum256(src)
	copy(dst, sum[:])
	return nil
}

// benchmarkABI is a row through the library, as a C program calls it. The driver
// measures for itself: Go would time the pipe to it.
func benchmarkABI(b *testing.B, d *Driver, row string) {
	const turn = 200 * time.Millisecond
	var operations uint64
	var seconds float64
	bytes := 0
	for range b.N {
		m, ok, err := d.Measure(row, 1, turn)
		check(b, err)
		if !ok {
			b.Fatalf("%s is not there", row)
		}
		operations, seconds, bytes = operations+m.Operations, seconds+m.Seconds, m.Bytes
	}
	b.ReportMetric(1e9*seconds/float64(operations), "ns/op")
	if bytes > 0 {
		b.ReportMetric(float64(bytes)*float64(operations)/seconds/1e6, "MB/s")
	}
}
