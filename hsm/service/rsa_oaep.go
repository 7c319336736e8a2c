package service

import (
	"crypto/rand"
	"crypto/rsa"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func init() {
	m := rsaMechanism(ck.CKM_RSA_PKCS_OAEP, ck.ParamRSAOAEP)
	m.Encrypt, m.Decrypt = encryptOAEP, decryptOAEP
	m.Wrap, m.Unwrap = wrapBy(encryptOAEP), unwrapBy(decryptOAEP)
	m.Encapsulate, m.Decapsulate = encapsulateBy(m.Wrap), decapsulateBy(m.Unwrap)
	register(m)
}

// newOAEP checks the parameter for a key of so many bytes, and tells how long a
// message may be (RFC 8017, section 7.1.1, step 1b).
func newOAEP(p *ck.RSAOAEPParams, size int) (opts *rsa.OAEPOptions, room int, err error) {
	hash, known := hashByMechanism(p.Hash)
	mgf, knownMGF := hashByMGF(p.MGF)
	source := p.Source == ck.CKZ_DATA_SPECIFIED || p.Source == 0 && len(p.Label) == 0
	if !known || !knownMGF || !source {
		return nil, 0, ck.CKR_MECHANISM_PARAM_INVALID
	}
	if room = size - 2*hash.size - 2; room < 0 {
		return nil, 0, ck.CKR_KEY_SIZE_RANGE
	}
	return &rsa.OAEPOptions{Hash: hash.hash, MGFHash: mgf.hash, Label: p.Label}, room, nil
}

func encryptOAEP(k *Key, m *ck.Mechanism) (api.Cipher, error) {
	return encryptOAEPWith(k, m.Param.(*ck.RSAOAEPParams))
}

func encryptOAEPWith(k *Key, p *ck.RSAOAEPParams) (api.Cipher, error) {
	pub, err := rsaPublic(k)
	if err != nil {
		return nil, err
	}
	opts, room, err := newOAEP(p, pub.Size())
	if err != nil {
		return nil, err
	}
	return &transformer{size: pub.Size(), exact: true, check: atMost(room), do: func(src []byte) ([]byte, error) {
		out, err := rsa.EncryptOAEPWithOptions(rand.Reader, pub.PublicKey, src, opts)
		if err != nil {
			return nil, rsaFailed(err)
		}
		return out, nil
	}}, nil
}

func decryptOAEP(k *Key, m *ck.Mechanism) (api.Cipher, error) {
	return decryptOAEPWith(k, m.Param.(*ck.RSAOAEPParams))
}

func decryptOAEPWith(k *Key, p *ck.RSAOAEPParams) (api.Cipher, error) {
	priv, err := rsaPrivate(k)
	if err != nil {
		return nil, err
	}
	opts, room, err := newOAEP(p, priv.Size())
	if err != nil {
		return nil, err
	}
	return &transformer{size: room, check: exactly(priv.Size(), ck.CKR_ENCRYPTED_DATA_LEN_RANGE), do: priv.using(func(src []byte) ([]byte, error) {
		return rsaDecryption(priv.decryptOAEP(src, opts))
	})}, nil
}
