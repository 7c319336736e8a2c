package rsa

import (
	"math/big"
	"math/bits"

	"github.com/coffer-hsm/coffer/fips"
)

// kernels are those that this machine is to use, nil if it has not got any that
// are worth it: then filippo.io/bigmod does the work.
var kernels = assemblyKernels()

// Accelerated reports whether private keys of the usual sizes are used with the
// accelerated kernels: the processor has AVX-512 IFMA, and the mode allows it (see
// fips.MayAccelerate).
func Accelerated() bool { return kernels != nil && fips.MayAccelerate() }

// usable are the kernels for new keys.
func usable() []kernel {
	if !Accelerated() {
		return nil
	}
	return kernels
}

// publicModulus computes m^e mod n with a kernel of one lane, or several in a batch.
type publicModulus struct {
	*modulus
	e    uint
	size int // of n, in bytes
}

// newPublicModulus returns nil if there is no kernel for keys of that size.
func newPublicModulus(kernels []kernel, n *big.Int, e uint) *publicModulus {
	k := kernelFor(kernels, 1, n.BitLen())
	if k == nil {
		return nil
	}
	return &publicModulus{newModulus(k, n.Bytes()), e, (n.BitLen() + 7) / 8}
}

// encrypt is m^e mod n, as many bytes as n has. m is below n and no longer. It
// takes a time that depends on e.
func (p *publicModulus) encrypt(m []byte) []byte {
	s := p.borrow()
	defer p.giveBack(s)
	cut := cutter(*s)
	n := p.kernel.words()
	x := cut.next(n)
	toDigits(x, m)
	p.power(x, cut.next(n), cut.next(n))
	b := make([]byte, p.size)
	fromDigits(b, x)
	return b
}

// check clears the error of the operations whose m^e is c: both are below n and no
// longer. Operation i has lane i.
func (p *publicModulus) check(ops []*operation, cut cutter) {
	n := p.kernel.words()
	x, want, alone := cut.next(n), cut.next(n), cut.next(p.digits)
	for l, op := range ops {
		toDigits(alone, op.m)
		p.put(x, l, alone)
		toDigits(alone, op.c)
		p.put(want, l, alone)
	}
	p.power(x, cut.next(n), cut.next(n))
	for l, op := range ops {
		different := uint64(0)
		for i := l; i < p.lanes*p.digits; i += p.lanes {
			different |= x[i] ^ want[i]
		}
		if different == 0 {
			op.err = nil
		}
	}
}

// power sets x to x^e mod n, with e odd and more than 1. base and y are room for
// a number each.
func (p *publicModulus) power(x, base, y []uint64) {
	p.mul(base, x, p.rr, p.block, 1)
	copy(y, base)
	squares := 0
	for i := bits.Len(p.e) - 2; i >= 0; i-- {
		squares++
		if p.e>>i&1 == 1 {
			p.mul(y, y, y, p.block, squares)
			squares = 0
			if i > 0 {
				p.mul(y, y, base, p.block, 1)
			}
		}
	}
	// The last factor is x itself, which takes the result out of Montgomery form.
	p.mul(x, y, x, p.block, 1)
	p.reduce(x, p.m)
}
