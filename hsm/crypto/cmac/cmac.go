// Package cmac is the block cipher MAC of NIST SP 800-38B, which the standard
// library does not have.
package cmac

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"hash"
)

// Size is the length of a MAC in bytes. Shorter ones are its first bytes (SP
// 800-38B section 6.2, step 7).
const Size = 16

var errBlock = errors.New("cmac: block cipher with blocks of other than 16 bytes")

// mac is a computation under way.
type mac struct {
	block  cipher.Block
	k1, k2 [Size]byte // subkeys
	c      [Size]byte // C_i of section 6.2: all blocks but those in last
	last   [Size]byte // the block that may be the last, which is done otherwise
	n      int        // bytes in last
	sum    [Size]byte // room for Sum, here because it would escape elsewhere
}

// New returns a hash.Hash that computes the CMAC under block, a cipher of
// 16-byte blocks. Its Reset forgets the message and keeps the key. It fails in
// the error state of the module.
func New(block cipher.Block) (hash.Hash, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return newMAC(block)
}

func newMAC(block cipher.Block) (*mac, error) {
	if block.BlockSize() != Size {
		return nil, errBlock
	}
	m := &mac{block: block}
	block.Encrypt(m.k1[:], m.k1[:]) // section 6.1, step 1: L
	double(&m.k1, &m.k1)
	double(&m.k2, &m.k1)
	return m, nil
}

// double multiplies by x in GF(2^128), section 6.1 steps 2 and 3, without a
// branch on the secret bit.
func double(dst, src *[Size]byte) {
	const r128 = 0x87 // section 5.3
	hi, lo := binary.BigEndian.Uint64(src[:8]), binary.BigEndian.Uint64(src[8:])
	carry := -(hi >> 63)
	binary.BigEndian.PutUint64(dst[:8], hi<<1|lo>>63)
	binary.BigEndian.PutUint64(dst[8:], lo<<1^carry&r128)
}

func (m *mac) Size() int      { return Size }
func (m *mac) BlockSize() int { return Size }

func (m *mac) Reset() {
	clear(m.c[:])
	clear(m.last[:])
	clear(m.sum[:])
	m.n = 0
}

// Write takes the next part of the message; it never fails.
func (m *mac) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if m.n == Size {
			m.chain(&m.c, &m.last)
			m.n = 0
		}
		n := copy(m.last[m.n:], p)
		m.n += n
		p = p[n:]
	}
	return total, nil
}

// chain is step 6: C_i = CIPH(C_i-1 + M_i).
func (m *mac) chain(c, block *[Size]byte) {
	subtle.XORBytes(c[:], c[:], block[:])
	m.block.Encrypt(c[:], c[:])
}

// Sum appends the MAC to b and leaves the computation as it is.
func (m *mac) Sum(b []byte) []byte {
	last := m.last
	m.sum = m.c
	key := &m.k1
	if m.n < Size { // step 4: a part of a block is padded with one bit
		key = &m.k2
		last[m.n] = 0x80
		clear(last[m.n+1:])
	}
	subtle.XORBytes(last[:], last[:], key[:])
	m.chain(&m.sum, &last)
	return append(b, m.sum[:]...)
}
