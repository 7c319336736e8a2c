// Package gcm is what the standard library's GCM (NIST SP 800-38D) leaves out:
// tags of any length that PKCS #11 allows together with IVs of any length, and
// encryption in parts. Decryption in parts is not here on purpose: nothing may be
// handed out before the tag has been checked.
package gcm

import (
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"slices"
)

// Sizes in bytes.
const (
	// TagSize is the length of a full tag.
	TagSize = 16
	// StandardIVSize is the length of IV that GCM is made for (section 5.2.1.1).
	StandardIVSize = 12
	// MaxPlaintext is the longest plaintext, section 5.2.1.1.
	MaxPlaintext = 1<<36 - 32

	blockSize = 16
)

// Errors of this package.
var (
	// ErrParameter is for a tag or an IV of a length that is not allowed.
	ErrParameter = errors.New("gcm: length of the tag or the IV")
	// ErrOpen is for a ciphertext that is not authentic.
	ErrOpen = errors.New("gcm: authentication failed")
)

// tagSizes are those of section 5.2.1.2, and 32 and 64 bits of appendix C.
var tagSizes = []int{4, 8, 12, 13, 14, 15, 16}

// ValidSizes reports whether there is GCM with an IV and a tag of these sizes in bytes.
func ValidSizes(ivSize, tagSize int) bool {
	return ivSize >= 1 && slices.Contains(tagSizes, tagSize)
}

// New returns GCM under block, which is AES, with an IV and a tag of these sizes
// in bytes. It is the standard library's own where the tag is a full one.
// Errors: ErrParameter, that of fips.Failed, and the standard library's refusal.
func New(block cipher.Block, ivSize, tagSize int) (cipher.AEAD, error) {
	if !ValidSizes(ivSize, tagSize) {
		return nil, ErrParameter
	}
	full, err := cipher.NewGCMWithNonceSize(block, ivSize)
	if err != nil || tagSize == TagSize {
		return full, err
	}
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return &truncated{full, tagSize}, nil
}

// truncated is GCM with a tag that is cut short.
type truncated struct {
	full    cipher.AEAD
	tagSize int
}

func (t *truncated) NonceSize() int { return t.full.NonceSize() }
func (t *truncated) Overhead() int  { return t.tagSize }

func (t *truncated) Seal(dst, iv, plain, aad []byte) []byte {
	sealed := t.full.Seal(nil, iv, plain, aad)
	return append(dst, sealed[:len(plain)+t.tagSize]...)
}

// Open finds the plaintext by encrypting the ciphertext, as the keystream is its
// own inverse, and the tag that it should have by encrypting the plaintext again.
func (t *truncated) Open(dst, iv, sealed, aad []byte) ([]byte, error) {
	n := len(sealed) - t.tagSize
	if n < 0 {
		return nil, ErrOpen
	}
	plain := t.full.Seal(nil, iv, sealed[:n], nil)[:n]
	defer clear(plain)
	tag := t.full.Seal(nil, iv, plain, aad)[n:]
	if subtle.ConstantTimeCompare(tag[:t.tagSize], sealed[n:]) != 1 {
		return nil, ErrOpen
	}
	return append(dst, plain...), nil
}
