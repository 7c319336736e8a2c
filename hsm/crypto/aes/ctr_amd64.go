//go:build !purego

package aes

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"math/bits"
)

// counter is a counter block as two numbers, the low one first.
type counter [2]uint64

func parseCounter(b *[blockSize]byte) counter {
	return counter{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[:8])}
}

// blocksOf is how many blocks n bytes begin.
func blocksOf(n int) uint64 { return (uint64(n) + blockSize - 1) / blockSize }

// run is how many bytes of n can be done in one go: maxRun, and up to where the
// last width bits of the counter, 64 at most, come back to 0.
func (c *counter) run(n int, width uint) int {
	n = min(n, maxRun)
	if left := -c[0] << (64 - width) >> (64 - width); left != 0 && left < blocksOf(n) {
		return int(left) * blockSize
	}
	return n
}

// add moves a counter of 128 bits on.
func (c *counter) add(blocks uint64) {
	var carry uint64
	c[0], carry = bits.Add64(c[0], blocks, 0)
	c[1] += carry
}

// ctr is counter mode.
type ctr struct {
	keys  *schedule
	next  counter
	ahead [blockSize]byte // a block of keystream
	used  int             // bytes that are used up of it; 0 if there is none
}

var ctrs idle[ctr]

func (v *vaes) ctr(first *[blockSize]byte) cipher.Stream {
	return ctrs.with(ctr{keys: &v.encrypt, next: parseCounter(first)})
}

func (c *ctr) release() { ctrs.wipe(c) }

func (c *ctr) XORKeyStream(dst, src []byte) {
	checkOutput(dst, src)
	if c.used > 0 {
		n := subtle.XORBytes(dst, src, c.ahead[c.used:])
		c.used = (c.used + n) % blockSize
		dst, src = dst[n:], src[n:]
	}
	whole := len(src) &^ (blockSize - 1)
	c.blocks(dst, src[:whole])
	if rest := src[whole:]; len(rest) > 0 {
		clear(c.ahead[:])
		c.blocks(c.ahead[:], c.ahead[:])
		c.used = subtle.XORBytes(dst[whole:], rest, c.ahead[:])
	}
}

// blocks does whole blocks.
func (c *ctr) blocks(dst, src []byte) {
	for len(src) > 0 {
		n := c.next.run(len(src), 64)
		counterMode(c.keys, (*[2]uint64)(&c.next), &dst[0], &src[0], n)
		c.next.add(blocksOf(n))
		dst, src = dst[n:], src[n:]
	}
}
