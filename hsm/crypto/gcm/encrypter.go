package gcm

import (
	"crypto/cipher"
	"encoding/binary"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Encrypter is GCM-AE (SP 800-38D section 7.1) in parts.
type Encrypter struct {
	block   cipher.Block
	ctr     cipher.Stream
	next    [blockSize]byte // the counter block that follows those of ctr
	left    uint64          // bytes of keystream left in ctr
	hash    ghash
	mask    [blockSize]byte // the encrypted J_0
	aadLen  uint64
	n       uint64 // bytes encrypted
	tagSize int
}

// NewEncrypter starts an encryption under block, which is AES. The sizes are
// those of New, the errors too.
func NewEncrypter(block cipher.Block, iv, aad []byte, tagSize int) (*Encrypter, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return newEncrypter(block, iv, aad, tagSize)
}

func newEncrypter(block cipher.Block, iv, aad []byte, tagSize int) (*Encrypter, error) {
	if !ValidSizes(len(iv), tagSize) || block.BlockSize() != blockSize {
		return nil, ErrParameter
	}
	bulk, err := newBulk(block)
	if err != nil {
		return nil, err
	}
	var h [blockSize]byte
	block.Encrypt(h[:], h[:])
	e := &Encrypter{block: block, tagSize: tagSize, aadLen: uint64(len(aad))}
	e.hash.h = parseElement(h[:])
	e.hash.bulk = bulk
	e.next = e.hash.j0(iv)
	block.Encrypt(e.mask[:], e.next[:])
	e.start(inc32(&e.next))
	e.hash.write(aad)
	e.hash.pad()
	return e, nil
}

// j0 is the pre-counter block, section 7.1 step 2. g is as it was afterwards.
func (g ghash) j0(iv []byte) (j [blockSize]byte) {
	if len(iv) == StandardIVSize {
		copy(j[:], iv)
		j[blockSize-1] = 1
		return j
	}
	g.write(iv)
	g.pad()
	g.lengths(0, uint64(len(iv)))
	return g.sum(&j)
}

// inc32 adds 1 to the last 32 bits, section 6.2.
func inc32(b *[blockSize]byte) *[blockSize]byte {
	binary.BigEndian.PutUint32(b[12:], binary.BigEndian.Uint32(b[12:])+1)
	return b
}

// start begins a keystream at counter block b. The standard library counts in
// all 128 bits, so it is used up to where the last 32 wrap around.
func (e *Encrypter) start(b *[blockSize]byte) {
	secret.Do(func() { e.ctr = cipher.NewCTR(e.block, b[:]) }) // it copies the key schedule
	e.left = blockSize * (1<<32 - uint64(binary.BigEndian.Uint32(b[12:])))
	clear(b[12:])
	e.next = *b
}

// Encrypt does the next part of the plaintext: len(dst) is at least len(src), and
// they are the same memory or do not overlap. All parts together have at most
// MaxPlaintext bytes; the caller sees to that.
func (e *Encrypter) Encrypt(dst, src []byte) {
	e.n += uint64(len(src))
	for len(src) > 0 {
		if e.left == 0 {
			e.start(&e.next)
		}
		n := int(min(uint64(len(src)), e.left))
		e.ctr.XORKeyStream(dst[:n], src[:n])
		e.left -= uint64(n)
		e.hash.write(dst[:n])
		dst, src = dst[n:], src[n:]
	}
}

// Tag ends the encryption and returns the tag.
func (e *Encrypter) Tag() []byte {
	e.hash.pad()
	e.hash.lengths(e.aadLen, e.n)
	tag := e.hash.sum(&e.mask)
	return tag[:e.tagSize]
}
