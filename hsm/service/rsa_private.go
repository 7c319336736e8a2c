package service

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"

	rawrsa "github.com/coffer-hsm/coffer/hsm/crypto/rsa"
)

// The operations with private keys have two paths: crypto/rsa, and hsm/crypto/rsa
// where that is accelerated for the key (see rawrsa.Accelerated). The results are
// the same.

// fast is the key for the accelerated path, nil if there is none for it.
func (k *rsaPrivateKey) fast() *rawrsa.PrivateKey {
	if !rawrsa.Accelerated() {
		return nil
	}
	if raw, err := k.bare(); err == nil && raw.Accelerated() {
		return raw
	}
	return nil
}

// signPKCS1 signs a digest; of hash 0, a DigestInfo.
func (k *rsaPrivateKey) signPKCS1(hash crypto.Hash, digest []byte) ([]byte, error) {
	if raw := k.fast(); raw != nil {
		return raw.SignPKCS1v15(hash, digest)
	}
	return rsa.SignPKCS1v15(nil, k.PrivateKey, hash, digest)
}

func (k *rsaPrivateKey) decryptPKCS1(c []byte) ([]byte, error) {
	if raw := k.fast(); raw != nil {
		return raw.DecryptPKCS1v15(c)
	}
	return rsa.DecryptPKCS1v15(nil, k.PrivateKey, c)
}

func (k *rsaPrivateKey) decryptOAEP(c []byte, opts *rsa.OAEPOptions) ([]byte, error) {
	if raw := k.fast(); raw != nil {
		return rawrsa.OAEP{Hash: opts.Hash.New, MGF: opts.MGFHash.New, Label: opts.Label}.Decrypt(raw, c)
	}
	return k.Decrypt(nil, c, opts)
}

// signPSS takes the path of hsm/crypto/rsa, accelerated or not, for what
// crypto/rsa does not do.
func (k *rsaPrivateKey) signPSS(p pss, digest []byte) ([]byte, error) {
	if opts, ok := p.options(); ok && k.fast() == nil {
		return rsa.SignPSS(rand.Reader, k.PrivateKey, p.hash.hash, digest, opts)
	}
	raw, err := k.bare()
	if err != nil {
		return nil, err
	}
	return p.bare().Sign(raw, digest)
}
