package gcm

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"
)

// element is a member of GF(2^128) as SP 800-38D section 6.3 writes it: the
// coefficient of x^0 is the first bit, the highest of hi.
type element struct{ hi, lo uint64 }

func parseElement(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a element) add(b element) element { return element{a.hi ^ b.hi, a.lo ^ b.lo} }

// mul multiplies in the field, in constant time.
func (a element) mul(b element) element {
	// 256 bits of product, from the highest word down, by Karatsuba's three
	// products of 64 bits.
	v3, v2 := mul64(a.hi, b.hi)
	v1, v0 := mul64(a.lo, b.lo)
	m1, m0 := mul64(a.hi^a.lo, b.hi^b.lo)
	m1, m0 = m1^v3^v1, m0^v2^v0
	v2, v1 = v2^m1, v1^m0
	// The order of bits is reversed, so the product of two highest bits (x^0)
	// came out one place too low.
	v3, v2, v1, v0 = v3<<1|v2>>63, v2<<1|v1>>63, v1<<1|v0>>63, v0<<1
	// Reduce by x^128 = x^7 + x^2 + x + 1, the lowest word first.
	v2 ^= v0 ^ v0>>1 ^ v0>>2 ^ v0>>7
	v1 ^= v0<<63 ^ v0<<62 ^ v0<<57
	v3 ^= v1 ^ v1>>1 ^ v1>>2 ^ v1>>7
	v2 ^= v1<<63 ^ v1<<62 ^ v1<<57
	return element{v3, v2}
}

// mul64 is the product of two polynomials over GF(2), 128 bits of it.
func mul64(x, y uint64) (hi, lo uint64) {
	return bits.Reverse64(mul64low(bits.Reverse64(x), bits.Reverse64(y))) >> 1, mul64low(x, y)
}

// mul64low is the low half of mul64. Each operand is taken apart into four with
// three zeros between their bits. In an integer product of two such parts, no
// place of the low half gets more than 15 ones but the last, whose carry falls
// out: so every fourth bit is the sum without carries. Integer multiplication
// takes the same time for all operands on the machines that Go runs on fast.
func mul64low(x, y uint64) uint64 {
	const every4th = 0x1111111111111111
	x0, x1, x2, x3 := x&every4th, x&(every4th<<1), x&(every4th<<2), x&(every4th<<3)
	y0, y1, y2, y3 := y&every4th, y&(every4th<<1), y&(every4th<<2), y&(every4th<<3)
	z0 := x0*y0 ^ x1*y3 ^ x2*y2 ^ x3*y1
	z1 := x0*y1 ^ x1*y0 ^ x2*y3 ^ x3*y2
	z2 := x0*y2 ^ x1*y1 ^ x2*y0 ^ x3*y3
	z3 := x0*y3 ^ x1*y2 ^ x2*y1 ^ x3*y0
	return z0&every4th | z1&(every4th<<1) | z2&(every4th<<2) | z3&(every4th<<3)
}

// ghash is GHASH (section 6.4) under way.
type ghash struct {
	h, y element
	part [blockSize]byte // the block that is not whole yet
	n    int             // bytes in part
	bulk *bulk           // nil if many blocks at once are to be done as single ones
}

func (g *ghash) block(b []byte) {
	g.y = g.y.add(parseElement(b)).mul(g.h)
}

// write takes in the next part.
func (g *ghash) write(p []byte) {
	if g.n > 0 {
		n := copy(g.part[g.n:], p)
		g.n += n
		p = p[n:]
		if g.n < blockSize {
			return
		}
		g.block(g.part[:])
		g.n = 0
	}
	for len(p) >= blockSize {
		n := min(len(p), bulkSize) / blockSize * blockSize
		if g.bulk != nil && n >= bulkMin {
			g.y = g.bulk.blocks(g, p[:n])
		} else {
			n = blockSize
			g.block(p)
		}
		p = p[n:]
	}
	g.n = copy(g.part[:], p)
}

// pad fills up with zeros to whole blocks.
func (g *ghash) pad() {
	if g.n > 0 {
		clear(g.part[g.n:])
		g.block(g.part[:])
		g.n = 0
	}
}

// lengths takes in a last block of two lengths, given in bytes.
func (g *ghash) lengths(a, b uint64) {
	var block [blockSize]byte
	binary.BigEndian.PutUint64(block[:8], 8*a)
	binary.BigEndian.PutUint64(block[8:], 8*b)
	g.block(block[:])
}

// sum returns the hash with mask added.
func (g *ghash) sum(mask *[blockSize]byte) (s [blockSize]byte) {
	binary.BigEndian.PutUint64(s[:8], g.y.hi)
	binary.BigEndian.PutUint64(s[8:], g.y.lo)
	subtle.XORBytes(s[:], s[:], mask[:])
	return s
}
