package service

import (
	"errors"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/keywrap"
)

// AES key wrap (section 6.15). CKM_AES_KEY_WRAP_PAD is an older name that was
// never clear; most clients that use it mean RFC 5649, and so do we.
func init() {
	register(
		wrapping(newKeyWrap, aesMechanism(ck.CKM_AES_KEY_WRAP, ck.ParamOptionalBytes)),
		wrapping(newKeyWrapPad, aesMechanism(ck.CKM_AES_KEY_WRAP_KWP, ck.ParamOptionalBytes)),
		wrapping(newKeyWrapPad, aesMechanism(ck.CKM_AES_KEY_WRAP_PAD, ck.ParamOptionalBytes)),
	)
}

// wrapIV reads the optional IV: nil for the default one, else of n bytes.
func wrapIV(m *ck.Mechanism, n int) ([]byte, error) {
	p, _ := m.Param.(*ck.BytesParam)
	switch {
	case p == nil || len(p.Bytes) == 0:
		return nil, nil
	case len(p.Bytes) != n:
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	return p.Bytes, nil
}

func newKeyWrap(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	key, err := k.aes()
	if err != nil {
		return nil, err
	}
	raw, err := wrapIV(m, 8)
	if err != nil {
		return nil, err
	}
	var iv *[8]byte
	if raw != nil {
		iv = (*[8]byte)(raw)
	}
	c := &keyWrapCipher{direction: d, size: keywrap.WrapSize}
	c.do = func(src []byte) ([]byte, error) { return keywrap.Wrap(key.Block, iv, src) }
	if d == decrypting {
		c.do = func(src []byte) ([]byte, error) { return keywrap.Unwrap(key.Block, iv, src) }
	}
	return c, nil
}

func newKeyWrapPad(k *Key, m *ck.Mechanism, d direction) (api.Cipher, error) {
	key, err := k.aes()
	if err != nil {
		return nil, err
	}
	raw, err := wrapIV(m, 4)
	if err != nil {
		return nil, err
	}
	var prefix *[4]byte
	if raw != nil {
		prefix = (*[4]byte)(raw)
	}
	c := &keyWrapCipher{direction: d, size: keywrap.WrapPadSize}
	c.do = func(src []byte) ([]byte, error) { return keywrap.WrapPad(key.Block, prefix, src) }
	if d == decrypting {
		c.do = func(src []byte) ([]byte, error) { return keywrap.UnwrapPad(key.Block, prefix, src) }
	}
	return c, nil
}

// keyWrapCipher is an api.Cipher by key wrap, which does not work in parts.
type keyWrapCipher struct {
	singlePart
	direction
	size func(int) int // of the ciphertext of so many bytes
	do   func([]byte) ([]byte, error)
}

func (c *keyWrapCipher) OneShot(dst, src []byte) (int, error) {
	if dst == nil {
		if c.direction == decrypting {
			return len(src), nil
		}
		return c.size(len(src)), nil
	}
	out, err := c.do(src)
	if err != nil {
		return 0, c.code(err)
	}
	defer clear(out)
	if n, done, err := fits(dst, len(out)); done {
		return n, err
	}
	return copy(dst, out), nil
}

func (c *keyWrapCipher) code(err error) error {
	switch {
	case errors.Is(err, keywrap.ErrLength):
		return c.lengthRange()
	case errors.Is(err, keywrap.ErrIntegrity):
		return ck.CKR_ENCRYPTED_DATA_INVALID
	}
	return refusal(err)
}

func (c *keyWrapCipher) Close() {}
