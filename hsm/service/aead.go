package service

import (
	"crypto/cipher"
	"math"
	"slices"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Authenticated ciphers have one shape whatever the algorithm: aeadKey is the
// algorithm under a key, aeadCipher the operations of C_Encrypt and C_Decrypt,
// messageCipher those of C_EncryptMessage and C_DecryptMessage.

// aeadKey is a key of an authenticated cipher. Sizes of nonces and tags are in
// bytes; those that the algorithm does not have are CKR_MECHANISM_PARAM_INVALID.
type aeadKey interface {
	aead(nonceSize, tagSize int) (cipher.AEAD, error)
	// parts starts an encryption in parts. size is the length of the plaintext if
	// that must be known, or anySize.
	parts(nonce, aad []byte, size uint64, tagSize int) (partEncrypter, error)
	// longest is the longest plaintext in bytes.
	longest(nonceSize int) uint64
}

// partEncrypter is an authenticated encryption in parts.
type partEncrypter interface {
	// Encrypt does the next part: len(dst) is at least len(src).
	Encrypt(dst, src []byte)
	// Tag ends the encryption.
	Tag() []byte
}

// anySize is the size of a plaintext that nobody announced.
const anySize = math.MaxUint64

// maxHeld limits the ciphertext that is kept in memory until its tag has been
// checked, in bytes.
const maxHeld = 1 << 30

// aeadCipher is an api.Cipher whose ciphertext is followed by the tag. Encryption
// in parts gives as much as it takes; decryption in parts gives nothing before
// Final, so that no plaintext is seen that is not authentic.
type aeadCipher struct {
	direction
	key        aeadKey
	aead       cipher.AEAD
	nonce, aad []byte
	size       uint64        // that the plaintext must have, or anySize
	encrypter  partEncrypter // from the first Update on
	n          uint64        // bytes encrypted
	held       []byte        // ciphertext, and the tag where it follows
}

// newAEAD starts a cipher, which keeps nonce and aad.
func newAEAD(key aeadKey, d direction, nonce, aad []byte, size uint64, tagSize int) (*aeadCipher, error) {
	aead, err := key.aead(len(nonce), tagSize)
	if err != nil {
		return nil, err
	}
	return startAEAD(key, aead, d, nonce, aad, size), nil
}

// aeadCiphers are those that have been closed.
var aeadCiphers = sync.Pool{New: func() any { return new(aeadCipher) }}

// startAEAD is newAEAD where the cipher is there already. Close gives it back.
func startAEAD(key aeadKey, aead cipher.AEAD, d direction, nonce, aad []byte, size uint64) *aeadCipher {
	c := aeadCiphers.Get().(*aeadCipher) // all zero
	c.direction, c.key, c.aead, c.nonce, c.aad, c.size = d, key, aead, nonce, aad, size
	return c
}

// whole checks the length of a whole plaintext.
func (c *aeadCipher) whole(n uint64) error {
	if n > c.key.longest(len(c.nonce)) || c.size != anySize && n != c.size {
		return c.lengthRange()
	}
	return nil
}

func (c *aeadCipher) OneShot(dst, src []byte) (int, error) {
	if c.direction == decrypting {
		return c.open(dst, src)
	}
	if n, done, err := fits(dst, len(src)+c.aead.Overhead()); done {
		return n, err
	}
	if err := c.whole(uint64(len(src))); err != nil {
		return 0, err
	}
	return len(c.aead.Seal(dst[:0], c.nonce, src, c.aad)), nil
}

func (c *aeadCipher) open(dst, sealed []byte) (int, error) {
	n := len(sealed) - c.aead.Overhead()
	switch {
	case dst == nil:
		return max(0, n), nil
	case n < 0:
		return 0, ck.CKR_ENCRYPTED_DATA_LEN_RANGE
	case len(dst) < n:
		return n, ck.CKR_BUFFER_TOO_SMALL
	}
	if err := c.whole(uint64(n)); err != nil {
		return 0, err
	}
	if _, err := c.aead.Open(dst[:0], c.nonce, sealed, c.aad); err != nil {
		return 0, ck.CKR_ENCRYPTED_DATA_INVALID
	}
	return n, nil
}

func (c *aeadCipher) Update(dst, src []byte) (int, error) {
	if c.direction == decrypting {
		return c.hold(dst, src)
	}
	if n, done, err := fits(dst, len(src)); done {
		return n, err
	}
	return len(src), c.encrypt(dst, src)
}

// encrypt does a part for which dst is long enough.
func (c *aeadCipher) encrypt(dst, src []byte) error {
	if uint64(len(src)) > min(c.key.longest(len(c.nonce)), c.size)-c.n {
		return ck.CKR_DATA_LEN_RANGE
	}
	if err := c.startParts(); err != nil {
		return err
	}
	c.encrypter.Encrypt(dst, src)
	c.n += uint64(len(src))
	return nil
}

func (c *aeadCipher) startParts() (err error) {
	if c.encrypter == nil {
		c.encrypter, err = c.key.parts(c.nonce, c.aad, c.size, c.aead.Overhead())
	}
	return err
}

// tag ends an encryption in parts.
func (c *aeadCipher) tag() ([]byte, error) {
	if err := c.whole(c.n); err != nil {
		return nil, err
	}
	if err := c.startParts(); err != nil {
		return nil, err
	}
	return c.encrypter.Tag(), nil
}

// encryptLast does the last part, and puts the tag where it goes if it is apart.
func (c *aeadCipher) encryptLast(tag, dst, src []byte) error {
	if err := c.encrypt(dst, src); err != nil {
		return err
	}
	t, err := c.tag()
	copy(tag, t)
	return err
}

// keep copies what a decryption needs when its tag comes.
func (c *aeadCipher) keep(nonce, aad []byte) error {
	if len(aad) > maxHeld {
		return ck.CKR_ARGUMENTS_BAD
	}
	touch(aad)
	c.nonce, c.aad = slices.Clone(nonce), slices.Clone(aad)
	return nil
}

// touch reads the end of b. A length that lies is a fault here, before as much
// memory is asked for: Go ends the process where it gets none.
//
//go:noinline
func touch(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[len(b)-1]
}

func (c *aeadCipher) hold(dst, src []byte) (int, error) {
	if dst == nil {
		return 0, nil
	}
	if len(src) > maxHeld-len(c.held) {
		return 0, ck.CKR_ENCRYPTED_DATA_LEN_RANGE
	}
	c.held = append(c.held, src...)
	return 0, nil
}

func (c *aeadCipher) Final(dst []byte) (int, error) {
	if c.direction == decrypting {
		return c.open(dst, c.held)
	}
	if n, done, err := fits(dst, c.aead.Overhead()); done {
		return n, err
	}
	tag, err := c.tag()
	if err != nil {
		return 0, err
	}
	return copy(dst, tag), nil
}

// Close lets go of the ciphertext; there is no plaintext to wipe. The cipher is not used
// after that, but for another Close at once.
func (c *aeadCipher) Close() {
	if c.key == nil {
		return
	}
	*c = aeadCipher{}
	aeadCiphers.Put(c)
}
