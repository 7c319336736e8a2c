package service

import (
	"crypto/cipher"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/ccm"
)

// AES-CCM (section 6.13.5): the MAC follows the ciphertext. Encryption and
// decryption have to be told the length of the plaintext; with wrapping, that is
// the key's, and what the parameter says is ignored.
func init() {
	m := messaging(ck.CCMMessage, ccmKeyOf, ciphering(newCCM, aesMechanism(ck.CKM_AES_CCM, ck.ParamCCM)))
	m.Wrap = wrapBy(func(k *Key, m *ck.Mechanism) (api.Cipher, error) { return ccmOf(k, m, encrypting, anySize) })
	m.Unwrap = unwrapBy(func(k *Key, m *ck.Mechanism) (api.Cipher, error) { return ccmOf(k, m, decrypting, anySize) })
	wraps := aeadWrapping{ck.CCMMessage, ccmKeyOf, func(p *ck.WrapParams, nonce []byte) any {
		return &ck.CCMParams{Nonce: nonce, AAD: p.AAD, MACLen: p.TagBits / 8}
	}}
	register(wraps.in(m))
}

func newCCM(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	p, ok := m.Param.(*ck.CCMParams)
	if !ok { // one of the structures for wrapping
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	return ccmOf(k, m, d, p.DataLen)
}

func ccmOf(k *Key, m *ck.Mechanism, d direction, size uint64) (api.Cipher, error) {
	p, ok := m.Param.(*ck.CCMParams)
	if !ok {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	key, err := ccmKeyOf(k)
	if err != nil {
		return nil, err
	}
	if p.MACLen > ccm.MaxTagSize {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	c, err := newAEAD(key, d, p.Nonce, p.AAD, size, int(p.MACLen))
	if err != nil {
		return nil, err
	}
	if size != anySize && size > key.longest(len(p.Nonce)) {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	return c, nil
}

// ccmKey is the aeadKey of CCM.
type ccmKey struct{ *aesKey }

func ccmKeyOf(k *Key) (aeadKey, error) {
	key, err := k.aes()
	return ccmKey{key}, err
}

func (key ccmKey) aead(nonceSize, tagSize int) (cipher.AEAD, error) {
	aead, err := ccm.New(key.Block, nonceSize, tagSize)
	if err != nil {
		return nil, refusal(err)
	}
	return aead, nil
}

func (key ccmKey) parts(nonce, aad []byte, size uint64, tagSize int) (partEncrypter, error) {
	e, err := ccm.NewEncrypter(key.Block, nonce, aad, size, tagSize)
	if err != nil {
		return nil, refusal(err)
	}
	return e, nil
}

func (key ccmKey) longest(nonceSize int) uint64 { return ccm.MaxPlaintext(nonceSize) }
