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

// signPKCS1 signs a digest; of hash 0, a DigestInfo. It may append to dst.
func (k *rsaPrivateKey) signPKCS1(hash crypto.Hash, dst, digest []byte) ([]byte, error) {
	if raw := k.fast(); raw != nil {
		return rsaSigned(raw.SignPKCS1v15(dst, hash, digest))
	}
	return rsaSigned(rsa.SignPKCS1v15(nil, k.PrivateKey, hash, digest))
}

// rsaSigned is a signature, or the code of what went wrong.
func rsaSigned(sig []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, rsaFailed(err)
	}
	return sig, nil
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
// crypto/rsa does not do. It may append to dst.
func (k *rsaPrivateKey) signPSS(p pss, dst, digest []byte) ([]byte, error) {
	if opts, ok := p.options(); ok && k.fast() == nil {
		return rsaSigned(rsa.SignPSS(rand.Reader, k.PrivateKey, p.hash.hash, digest, opts))
	}
	raw, err := k.bare()
	if err != nil {
		return nil, rsaFailed(err)
	}
	return rsaSigned(p.bare().Sign(dst, raw, digest))
}
