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
	m.Wrap, m.Unwrap = generatingIV(m.Wrap), ignoringIVRule(m.Unwrap)
	m.WrapAuthenticated, m.UnwrapAuthenticated = wrapGCM, unwrapGCM
	register(m)
}

// maxHeld limits the ciphertext that is kept in memory until its tag has been
// checked, in bytes.
const maxHeld = 1 << 30

// gcmCipher is an api.Cipher that is GCM. Encryption in parts gives as much as it
// takes; decryption in parts gives nothing before Final, so that no plaintext is
// seen that is not authentic.
type gcmCipher struct {
	direction
	aead   cipher.AEAD
	key    *aesKey
	params *ck.GCMParams
	parts  *gcm.Encrypter // from the first Update on
	n      int            // bytes encrypted
	held   []byte         // ciphertext and tag
}

func newGCM(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	p := m.Param.(*ck.GCMParams)
	key, err := k.aes()
	if err != nil {
		return nil, err
	}
	aead, err := key.aead(len(p.IV), p.TagBits)
	if err != nil {
		return nil, err
	}
	return &gcmCipher{direction: d, aead: aead, key: key, params: p}, nil
}

// aead is GCM with an IV of ivSize bytes. Only the usual sizes are kept ready.
func (key *aesKey) aead(ivSize int, tagBits uint64) (cipher.AEAD, error) {
	if key.gcm != nil && ivSize == gcm.StandardIVSize && tagBits == 8*gcm.TagSize {
		return key.gcm, nil
	}
	if tagBits%8 != 0 || tagBits > 8*gcm.TagSize {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	aead, err := gcm.New(key.Block, ivSize, int(tagBits/8))
	if err != nil {
		return nil, refusal(err)
	}
	return aead, nil
}

func (c *gcmCipher) OneShot(dst, src []byte) (int, error) {
	if c.direction == decrypting {
		return c.open(dst, src)
	}
	if n, done, err := fits(dst, len(src)+c.aead.Overhead()); done {
		return n, err
	}
	if uint64(len(src)) > gcm.MaxPlaintext {
		return 0, ck.CKR_DATA_LEN_RANGE
	}
	return len(c.aead.Seal(dst[:0], c.params.IV, src, c.params.AAD)), nil
}

func (c *gcmCipher) open(dst, sealed []byte) (int, error) {
	n := len(sealed) - c.aead.Overhead()
	switch {
	case dst == nil:
		return max(0, n), nil
	case n < 0 || uint64(n) > gcm.MaxPlaintext:
		return 0, ck.CKR_ENCRYPTED_DATA_LEN_RANGE
	case len(dst) < n:
		return n, ck.CKR_BUFFER_TOO_SMALL
	}
	if _, err := c.aead.Open(dst[:0], c.params.IV, sealed, c.params.AAD); err != nil {
		return 0, ck.CKR_ENCRYPTED_DATA_INVALID
	}
	return n, nil
}

func (c *gcmCipher) Update(dst, src []byte) (int, error) {
	if c.direction == decrypting {
		return c.hold(dst, src)
	}
	if n, done, err := fits(dst, len(src)); done {
		return n, err
	}
	if uint64(len(src)) > gcm.MaxPlaintext-uint64(c.n) {
		return 0, ck.CKR_DATA_LEN_RANGE
	}
	if err := c.startParts(); err != nil {
		return 0, err
	}
	c.parts.Encrypt(dst, src)
	c.n += len(src)
	return len(src), nil
}

func (c *gcmCipher) startParts() (err error) {
	if c.parts != nil {
		return nil
	}
	c.parts, err = gcm.NewEncrypter(c.key.Block, c.params.IV, c.params.AAD, c.aead.Overhead())
	if err != nil {
		return refusal(err)
	}
	return nil
}

func (c *gcmCipher) hold(dst, src []byte) (int, error) {
	if dst == nil {
		return 0, nil
	}
	if len(src) > maxHeld-len(c.held) {
		return 0, ck.CKR_ENCRYPTED_DATA_LEN_RANGE
	}
	c.held = append(c.held, src...)
	return 0, nil
}

func (c *gcmCipher) Final(dst []byte) (int, error) {
	if c.direction == decrypting {
		return c.open(dst, c.held)
	}
	if n, done, err := fits(dst, c.aead.Overhead()); done {
		return n, err
	}
	if err := c.startParts(); err != nil {
		return 0, err
	}
	return copy(dst, c.parts.Tag()), nil
}

// Close lets go of the ciphertext; there is no plaintext to wipe.
func (c *gcmCipher) Close() { c.held = nil }
