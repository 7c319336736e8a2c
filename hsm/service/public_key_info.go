package service

import (
	"crypto/rsa"
	encodingasn1 "encoding/asn1"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Algorithms of keys: RFC 8017 appendix C, RFC 5480 section 2.1.1. Keys on the
// curves of RFC 8410 have the OID of their curve.
var (
	oidRSA = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC  = encodingasn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
)

// addRSAAlgorithm appends the AlgorithmIdentifier of RSA keys.
func addRSAAlgorithm(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidRSA)
		b.AddASN1NULL()
	})
}

// addAlgorithm appends the AlgorithmIdentifier of keys on c.
func (c *curve) addAlgorithm(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if c.kt == ck.CKK_EC {
			b.AddASN1ObjectIdentifier(oidEC)
		}
		b.AddASN1ObjectIdentifier(c.oids[0])
	})
}

// publicKeyInfo is SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) in DER, as
// CKA_PUBLIC_KEY_INFO has it.
func publicKeyInfo(algorithm func(*cryptobyte.Builder), key []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		algorithm(b)
		b.AddASN1BitString(key)
	})
	return b.BytesOrPanic()
}

func rsaPublicKeyInfo(k *rsa.PublicKey) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { // RSAPublicKey
		b.AddASN1BigInt(k.N)
		b.AddASN1BigInt(big.NewInt(int64(k.E)))
	})
	return publicKeyInfo(addRSAAlgorithm, b.BytesOrPanic())
}

func (k *ecPublicKey) publicKeyInfo() []byte {
	return publicKeyInfo(k.curve.addAlgorithm, k.point)
}
