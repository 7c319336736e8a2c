package service

import (
	"crypto/cipher"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// messaging adds message-based encryption and decryption to m, with keys that
// keyOf returns and messages whose parameter is of the kind.
func messaging(kind ck.MessageKind, keyOf func(*Key) (aeadKey, error), m Mechanism) Mechanism {
	start := func(k *Key, m *ck.Mechanism, d direction) (api.MessageCipher, error) {
		if p, ok := m.Param.(*ck.MessageParams); m.Param != nil && (!ok || p.Kind != kind) {
			return nil, ck.CKR_MECHANISM_PARAM_INVALID
		}
		key, err := keyOf(k)
		if err != nil {
			return nil, err
		}
		return &messageCipher{direction: d, kind: kind, key: key}, nil
	}
	m.MessageEncrypt = func(k *Key, m *ck.Mechanism) (api.MessageCipher, error) { return start(k, m, encrypting) }
	m.MessageDecrypt = func(k *Key, m *ck.Mechanism) (api.MessageCipher, error) { return start(k, m, decrypting) }
	return m
}

// messageCipher is the api.MessageCipher of every authenticated cipher. The tag
// is apart from the ciphertext.
type messageCipher struct {
	direction
	kind   ck.MessageKind
	key    aeadKey
	nonces nonces
	part   *aeadCipher // the message in parts that is under way
	// aead is the cipher for the sizes of the last message.
	aead               cipher.AEAD
	nonceSize, tagSize int
	work               []byte // ciphertext with its tag
}

// maxWork is how many bytes are kept from one message to the next.
const maxWork = 64 << 10

// cipher is the cipher of a message alone, with p's sizes.
func (c *messageCipher) cipher(p *ck.MessageParams) (*aeadCipher, error) {
	if p == nil || p.Kind != c.kind {
		return nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	if c.aead == nil || c.nonceSize != len(p.Nonce) || c.tagSize != p.TagSize {
		aead, err := c.key.aead(len(p.Nonce), p.TagSize)
		if err != nil {
			return nil, err
		}
		c.aead, c.nonceSize, c.tagSize = aead, len(p.Nonce), p.TagSize
	}
	size := uint64(anySize)
	if c.kind == ck.CCMMessage {
		size = p.DataLen
	}
	return &aeadCipher{direction: c.direction, key: c.key, aead: c.aead, nonce: p.Nonce, size: size}, nil
}

func (c *messageCipher) Message(p *ck.MessageParams, aad, dst, src []byte) (int, error) {
	m, err := c.cipher(p)
	if err != nil {
		return 0, err
	}
	m.aad = aad
	if n, done, err := fits(dst, len(src)); done {
		return n, err
	}
	if err := checkTag(p); err != nil {
		return 0, err
	}
	if c.direction == decrypting {
		return c.open(m, p.Tag, dst, src)
	}
	if err := m.whole(uint64(len(src))); err != nil {
		return 0, err
	}
	if m.nonce, err = c.nonces.next(p); err != nil {
		return 0, err
	}
	if err := c.seal(m, p.Tag, dst, src); err != nil {
		return 0, err
	}
	giveNonce(p, m.nonce)
	return len(src), nil
}

// seal encrypts src into dst, which is long enough, without memory of our own for
// what is long: the length may not be true.
func (c *messageCipher) seal(m *aeadCipher, tag, dst, src []byte) error {
	if len(src) > maxWork {
		return m.encryptLast(tag, dst, src)
	}
	c.work = m.aead.Seal(c.work[:0], m.nonce, src, m.aad)
	copy(dst, c.work[:len(src)])
	copy(tag, c.work[len(src):])
	return nil
}

// checkTag answers for a caller who gives no room for the tag, or none at all.
func checkTag(p *ck.MessageParams) error {
	if len(p.Tag) != p.TagSize {
		return ck.CKR_MECHANISM_PARAM_INVALID
	}
	return nil
}

func giveNonce(p *ck.MessageParams, nonce []byte) {
	if p.Generator != ck.CKG_NO_GENERATE {
		copy(p.Nonce, nonce)
	}
}

// open decrypts what m held and then last, into dst, which is long enough and may
// be the memory of last.
func (c *messageCipher) open(m *aeadCipher, tag, dst, last []byte) (int, error) {
	if len(last) > maxHeld-len(m.held) {
		return 0, ck.CKR_ENCRYPTED_DATA_LEN_RANGE
	}
	touch(last)
	sealed := append(append(append(c.work[:0], m.held...), last...), tag...)
	if cap(sealed) <= maxWork {
		c.work = sealed
	}
	n, err := m.open(dst, sealed)
	if ck.Code(err) == ck.CKR_ENCRYPTED_DATA_INVALID {
		err = ck.CKR_AEAD_DECRYPT_FAILED
	}
	return n, err
}

func (c *messageCipher) Begin(p *ck.MessageParams, aad []byte) error {
	c.part = nil
	m, err := c.cipher(p)
	if err != nil {
		return err
	}
	if m.size != anySize && m.size > c.key.longest(len(p.Nonce)) {
		return ck.CKR_MECHANISM_PARAM_INVALID
	}
	if c.direction == encrypting {
		err = c.beginEncrypting(m, p, aad)
	} else {
		err = m.keep(p.Nonce, aad)
	}
	if err != nil {
		return err
	}
	c.part = m
	return nil
}

func (c *messageCipher) beginEncrypting(m *aeadCipher, p *ck.MessageParams, aad []byte) (err error) {
	if m.nonce, err = c.nonces.next(p); err != nil {
		return err
	}
	m.aad = aad
	err = m.startParts()
	m.aad = nil // it has been taken in, and is the caller's
	if err == nil {
		giveNonce(p, m.nonce)
	}
	return err
}

func (c *messageCipher) Next(p *ck.MessageParams, dst, src []byte, end bool) (int, error) {
	m := c.part
	if m == nil {
		return 0, ck.CKR_OPERATION_NOT_INITIALIZED
	}
	c.part = nil
	n, err := c.next(m, p, dst, src, end)
	if goesOn := err == nil && (dst == nil || !end) || ck.Code(err) == ck.CKR_BUFFER_TOO_SMALL; goesOn {
		c.part = m
	}
	return n, err
}

func (c *messageCipher) next(m *aeadCipher, p *ck.MessageParams, dst, src []byte, end bool) (int, error) {
	if p == nil || p.Kind != c.kind || p.TagSize != m.aead.Overhead() {
		return 0, ck.CKR_MECHANISM_PARAM_INVALID
	}
	need := len(src)
	if c.direction == decrypting {
		if !end {
			return m.hold(dst, src)
		}
		need += len(m.held)
	}
	if n, done, err := fits(dst, need); done {
		return n, err
	}
	if !end {
		return need, m.encrypt(dst, src)
	}
	if err := checkTag(p); err != nil {
		return 0, err
	}
	if c.direction == decrypting {
		return c.open(m, p.Tag, dst, src)
	}
	return need, m.encryptLast(p.Tag, dst, src)
}

// Close lets go of the ciphertext; there is no plaintext to wipe.
func (c *messageCipher) Close() { c.part, c.work = nil, nil }
