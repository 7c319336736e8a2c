package service

import (
	"crypto/cipher"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/gcm"
)

// AES-GCM (section 6.13.7): the tag follows the ciphertext.
func init() {
	m := wrapping(newGCM, aesMechanism(ck.CKM_AES_GCM, ck.ParamGCM))
	wraps := aeadWrapping{ck.GCMMessage, gcmKeyOf, func(p *ck.WrapParams, iv []byte) any {
		return &ck.GCMParams{IV: iv, AAD: p.AAD, TagBits: p.TagBits}
	}}
	register(messaging(ck.GCMMessage, gcmKeyOf, wraps.in(m)))
}

func newGCM(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	p, ok := m.Param.(*ck.GCMParams)
	if !ok { // one of the structures for wrapping
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	key, err := k.aes()
	if err != nil {
		return nil, err
	}
	aead, err := key.aead(len(p.IV), p.TagBits)
	if err != nil {
		return nil, err
	}
	return startAEAD(gcmKey{key}, aead, d, p.IV, p.AAD, anySize), nil
}

// aead is GCM with an IV of ivSize bytes. Only the usual sizes are kept ready.
func (key *aesKey) aead(ivSize int, tagBits uint64) (cipher.AEAD, error) {
	if key.gcm != nil && ivSize == gcm.StandardIVSize && tagBits == 8*gcm.TagSize {
		return key.gcm, nil
	}
	if tagBits%8 != 0 || tagBits > 8*gcm.TagSize {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	aead, err := key.GCM(ivSize, int(tagBits/8))
	if err != nil {
		return nil, refusal(err)
	}
	return aead, nil
}

// gcmKey is the aeadKey of GCM.
type gcmKey struct{ *aesKey }

func gcmKeyOf(k *Key) (aeadKey, error) {
	key, err := k.aes()
	return gcmKey{key}, err
}

func (key gcmKey) aead(nonceSize, tagSize int) (cipher.AEAD, error) {
	return key.aesKey.aead(nonceSize, 8*uint64(tagSize))
}

func (key gcmKey) parts(nonce, aad []byte, _ uint64, tagSize int) (partEncrypter, error) {
	e, err := key.NewGCMEncrypter(nonce, aad, tagSize)
	if err != nil {
		return nil, refusal(err)
	}
	return e, nil
}

func (key gcmKey) longest(int) uint64 { return gcm.MaxPlaintext }
