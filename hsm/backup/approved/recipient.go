package approved

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

const encapsulated = 65 // bytes of an ephemeral public key on P-256

// publicKey is a Recipient: who has the private half on P-256.
type publicKey struct{ hpke.PublicKey }

// privateKey is its Identity. The standard library keeps it on the Go heap.
type privateKey struct{ hpke.PrivateKey }

func (k publicKey) wrap(fileKey *secret.Bytes) (e entry, err error) {
	secret.Do(func() {
		e.body, err = hpke.Seal(k, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(prefix+"recipient"), fileKey.Expose())
	})
	runtime.KeepAlive(fileKey)
	e.kind = kindRecipient
	return e, err
}

func (k privateKey) unwrap(e entry) (fileKey *secret.Bytes, err error) {
	if e.kind != kindRecipient {
		return nil, ErrKey
	}
	secret.Do(func() {
		plain, failed := hpke.Open(k, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(prefix+"recipient"), e.body)
		if err = failed; err == nil {
			fileKey = secret.From(plain)
		}
	})
	if err != nil || fileKey.Len() != keySize {
		fileKey.Zero()
		return nil, ErrKey
	}
	return fileKey, nil
}

// The types of PEM blocks.
const (
	pemPublic  = "PUBLIC KEY"
	pemPrivate = "PRIVATE KEY"
)

// ErrCurve is the answer to a key that is none on P-256.
var ErrCurve = errors.New("not a key on P-256")

// IsPEM reports whether text is PEM, and so a key for this package and not for age.
func IsPEM(text []byte) bool {
	block, _ := pem.Decode(text)
	return block != nil
}

// ParseRecipients reads public keys on P-256, one or more PEM blocks PUBLIC KEY (RFC 5280,
// SubjectPublicKeyInfo): ErrCurve.
func ParseRecipients(text []byte) (to []Recipient, err error) {
	err = eachBlock(text, pemPublic, func(der []byte) error {
		key, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return err
		}
		on, is := key.(*ecdsa.PublicKey)
		if !is {
			return ErrCurve
		}
		point, err := on.ECDH()
		if err != nil || point.Curve() != ecdh.P256() {
			return ErrCurve
		}
		public, err := hpke.NewDHKEMPublicKey(point)
		to = append(to, publicKey{public})
		return err
	})
	return to, err
}

// ParseIdentities reads private keys on P-256, one or more PEM blocks PRIVATE KEY (RFC 5958,
// PKCS #8): ErrCurve.
func ParseIdentities(text []byte) (by []Identity, err error) {
	err = eachBlock(text, pemPrivate, func(der []byte) error {
		defer clear(der)
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return err
		}
		on, is := key.(*ecdsa.PrivateKey)
		if !is {
			return ErrCurve
		}
		scalar, err := on.ECDH()
		if err != nil || scalar.Curve() != ecdh.P256() {
			return ErrCurve
		}
		private, err := hpke.NewDHKEMPrivateKey(scalar)
		by = append(by, privateKey{private})
		return err
	})
	return by, err
}

// eachBlock runs f for each PEM block, all of which have to be of one type. What stands
// between them says nothing.
func eachBlock(text []byte, kind string, f func(der []byte) error) error {
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != kind {
			return errors.New(block.Type + " in PEM, and not " + kind)
		}
		if err := f(block.Bytes); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return errors.New("no " + kind + " in PEM")
	}
	return nil
}
