package slots_test

import (
	"crypto/aes"
	"crypto/cipher"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// twinMessages is AES-GCM over messages: it keeps a message in parts as a whole
// and seals it again with each part. Of the generators it has the counter, in
// the last byte of the nonce.
type twinMessages struct {
	aead       cipher.AEAD
	decrypts   bool
	count      byte
	begun      bool
	nonce, aad []byte
	data       []byte
}

func (c *twinMessages) Close() {}

func (c *twinMessages) Message(p *ck.MessageParams, aad, dst, src []byte) (int, error) {
	if n, err := put(dst, src); dst == nil || err != nil {
		return n, err
	}
	if err := c.Begin(p, aad); err != nil {
		return 0, err
	}
	return c.Next(p, dst, src, true)
}

func (c *twinMessages) Begin(p *ck.MessageParams, aad []byte) error {
	if p == nil || len(p.Nonce) != c.aead.NonceSize() {
		return ck.CKR_MECHANISM_PARAM_INVALID
	}
	if p.Generator == ck.CKG_GENERATE_COUNTER && !c.decrypts {
		p.Nonce[len(p.Nonce)-1] = c.count
		c.count++
	}
	c.begun, c.nonce, c.aad, c.data = true, slices.Clone(p.Nonce), slices.Clone(aad), nil
	return nil
}

func (c *twinMessages) Next(p *ck.MessageParams, dst, src []byte, end bool) (int, error) {
	if !c.begun {
		return 0, ck.CKR_OPERATION_NOT_INITIALIZED
	}
	all := slices.Concat(c.data, src)
	var out []byte
	if !c.decrypts {
		out = c.aead.Seal(nil, c.nonce, all, c.aad)[len(c.data):]
		if end && dst != nil && len(dst) >= len(src) {
			copy(p.Tag, out[len(src):])
		}
		out = out[:len(src)]
	} else if end && (dst == nil || len(dst) < len(all)) {
		out = all // only the length is told
	} else if end {
		var err error
		if out, err = c.aead.Open(nil, c.nonce, slices.Concat(all, p.Tag), c.aad); err != nil {
			return 0, ck.CKR_AEAD_DECRYPT_FAILED
		}
	}
	n, err := put(dst, out)
	if err == nil && dst != nil {
		c.data, c.begun = all, !end
	}
	return n, err
}

func (p *twinPartition) messages(who api.Caller, m *ck.Mechanism, key api.ObjectID, flag ck.AttributeType) (api.MessageCipher, error) {
	o, err := p.use(who, m, key, flag, ck.CKM_AES_GCM)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(o.value(ck.CKA_VALUE))
	if err != nil {
		return nil, ck.CKR_KEY_SIZE_RANGE
	}
	aead, err := cipher.NewGCM(block)
	return &twinMessages{aead: aead, decrypts: flag == ck.CKA_DECRYPT}, err
}

func (p *twinPartition) MessageEncrypt(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.MessageCipher, error) {
	return p.messages(who, m, key, ck.CKA_ENCRYPT)
}

func (p *twinPartition) MessageDecrypt(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.MessageCipher, error) {
	return p.messages(who, m, key, ck.CKA_DECRYPT)
}
