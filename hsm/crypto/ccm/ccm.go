// Package ccm is the authenticated encryption of NIST SP 800-38C over a block
// cipher of 16-byte blocks, which the standard library does not have. The block
// cipher and the modes CBC and CTR are the standard library's.
package ccm

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Sizes in bytes (SP 800-38C appendix A.1).
const (
	// MinNonceSize and MaxNonceSize bound the nonce.
	MinNonceSize, MaxNonceSize = 7, 13
	// MaxTagSize is the length of the longest tag.
	MaxTagSize = 16

	blockSize = 16
)

// Errors of this package.
var (
	// ErrParameter is for a length that is not allowed: the tag's, the nonce's, or
	// the plaintext's with such a nonce.
	ErrParameter = errors.New("ccm: length of the tag, the nonce or the plaintext")
	// ErrOpen is for a ciphertext that is not authentic.
	ErrOpen = errors.New("ccm: authentication failed")
)

var tagSizes = []int{4, 6, 8, 10, 12, 14, 16}

// MaxPlaintext is the longest plaintext in bytes with a nonce of nonceSize bytes:
// the nonce leaves the rest of a block for its length (appendix A.1).
func MaxPlaintext(nonceSize int) uint64 {
	q := 15 - nonceSize
	if q >= 8 {
		return math.MaxUint64
	}
	return 1<<(8*q) - 1
}

func check(block cipher.Block, nonceSize, tagSize int) error {
	if block.BlockSize() != blockSize || nonceSize < MinNonceSize || nonceSize > MaxNonceSize ||
		!slices.Contains(tagSizes, tagSize) {
		return ErrParameter
	}
	return nil
}

// New returns CCM under block with a nonce and a tag of these sizes in bytes. The
// nonces given to it have exactly that size and the plaintexts at most
// MaxPlaintext bytes, else it panics, as the standard library's GCM does. Errors:
// ErrParameter and that of fips.Failed.
func New(block cipher.Block, nonceSize, tagSize int) (cipher.AEAD, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return newAEAD(block, nonceSize, tagSize)
}

func newAEAD(block cipher.Block, nonceSize, tagSize int) (*aead, error) {
	if err := check(block, nonceSize, tagSize); err != nil {
		return nil, err
	}
	return &aead{block, nonceSize, tagSize}, nil
}

type aead struct {
	block              cipher.Block
	nonceSize, tagSize int
}

func (a *aead) NonceSize() int { return a.nonceSize }
func (a *aead) Overhead() int  { return a.tagSize }

func (a *aead) start(nonce, aad []byte, size int) *Encrypter {
	if len(nonce) != a.nonceSize || uint64(size) > MaxPlaintext(len(nonce)) {
		panic("ccm: length of the nonce or the plaintext")
	}
	return start(a.block, nonce, aad, uint64(size), a.tagSize)
}

// Seal is the generation-encryption of section 6.1.
func (a *aead) Seal(dst, nonce, plain, aad []byte) []byte {
	e := a.start(nonce, aad, len(plain))
	dst = slices.Grow(dst, len(plain)+a.tagSize)
	out := dst[len(dst) : len(dst)+len(plain)]
	e.Encrypt(out, plain)
	return append(dst[:len(dst)+len(plain)], e.Tag()...)
}

// Open is the decryption-verification of section 6.2. Of a plaintext that is not
// authentic nothing is left in dst.
func (a *aead) Open(dst, nonce, sealed, aad []byte) ([]byte, error) {
	n := len(sealed) - a.tagSize
	if n < 0 || uint64(n) > MaxPlaintext(a.nonceSize) {
		return nil, ErrOpen
	}
	var tag [MaxTagSize]byte
	copy(tag[:], sealed[n:])
	d := a.start(nonce, aad, n)
	dst = slices.Grow(dst, n)
	out := dst[len(dst) : len(dst)+n]
	d.ctr.XORKeyStream(out, sealed[:n])
	d.mac.write(out)
	if subtle.ConstantTimeCompare(d.Tag(), tag[:a.tagSize]) != 1 {
		clear(out)
		return nil, ErrOpen
	}
	return dst[:len(dst)+n], nil
}

// Encrypter is an encryption in parts, of a plaintext whose length is known at
// the start. Decryption in parts is not here on purpose: nothing may be handed
// out before the tag has been checked.
type Encrypter struct {
	mac     mac
	ctr     cipher.Stream
	mask    [blockSize]byte // S_0 of section 6.1, step 5
	tagSize int
}

// NewEncrypter starts an encryption of size bytes under block. Errors as New, and
// ErrParameter for a size that is too large for the nonce.
func NewEncrypter(block cipher.Block, nonce, aad []byte, size uint64, tagSize int) (*Encrypter, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	if err := check(block, len(nonce), tagSize); err != nil {
		return nil, err
	}
	if size > MaxPlaintext(len(nonce)) {
		return nil, ErrParameter
	}
	return start(block, nonce, aad, size, tagSize), nil
}

// start does what comes before the plaintext; the sizes have been checked.
func start(block cipher.Block, nonce, aad []byte, size uint64, tagSize int) *Encrypter {
	e := &Encrypter{tagSize: tagSize}
	q := 15 - len(nonce)
	counter := [blockSize]byte{byte(q - 1)} // appendix A.3: Ctr_0
	copy(counter[1:], nonce)
	block.Encrypt(e.mask[:], counter[:])
	first := counter // appendix A.2.1: B_0
	first[0] |= byte((tagSize-2)/2) << 3
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], size)
	copy(first[blockSize-q:], length[8-q:])
	if len(aad) > 0 {
		first[0] |= 1 << 6
	}
	counter[blockSize-1] = 1 // appendix A.3: it has q bytes, of which no plaintext uses up all
	secret.Do(func() {       // each has a copy of the key schedule
		e.ctr = cipher.NewCTR(block, counter[:])
		e.mac.mode = cipher.NewCBCEncrypter(block, make([]byte, blockSize))
	})
	e.mac.write(first[:])
	e.mac.associate(aad)
	return e
}

// Encrypt does the next part of the plaintext: len(dst) is at least len(src), and
// they are the same memory or do not overlap. All parts together have as many
// bytes as were announced; the caller sees to that.
func (e *Encrypter) Encrypt(dst, src []byte) {
	e.mac.write(src)
	e.ctr.XORKeyStream(dst[:len(src)], src)
}

// Tag ends the encryption and returns the tag.
func (e *Encrypter) Tag() []byte {
	e.mac.pad()
	var tag [blockSize]byte
	subtle.XORBytes(tag[:], e.mac.last[:], e.mask[:])
	clear(e.mac.part[:]) // the end of the plaintext
	clear(e.mac.out[:])
	return tag[:e.tagSize]
}
