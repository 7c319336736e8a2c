package rsa

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sync"
)

// Trial division of random numbers, before a test of primality that takes a hundred
// times as long. It stops at the first prime that divides, which tells of numbers
// that are thrown away only; a number that no prime divides takes the same time as
// any other, because nothing is divided: see residue and divides.

// trialLimit is where the primes end: further ones would take longer to try than they
// spare.
const trialLimit = 4096

// divisors are odd primes whose product fits a word.
type divisors struct {
	product uint64
	inverse uint64 // -1/product mod 2^64
	primes  []divisor
}

// divisor is an odd prime p. A word x is a multiple of it if and only if x/p mod 2^64,
// where 1/p is the inverse, is at most limit, the largest quotient there is.
type divisor struct{ inverse, limit uint64 }

func (d divisor) divides(x uint64) bool { return x*d.inverse <= d.limit }

// inverse64 is 1/x mod 2^64 of an odd x, by Newton's method.
func inverse64(x uint64) uint64 {
	y := x
	for range 5 {
		y *= 2 - x*y
	}
	return y
}

// trialDivisors are all odd primes below trialLimit.
var trialDivisors = sync.OnceValue(func() (all []divisors) {
	d := divisors{product: 1}
	finish := func() {
		d.inverse = -inverse64(d.product)
		all = append(all, d)
		d = divisors{product: 1}
	}
	var composite [trialLimit]bool
	for p := uint64(3); p < trialLimit; p += 2 {
		if composite[p] {
			continue
		}
		for i := p * p; i < trialLimit; i += 2 * p {
			composite[i] = true
		}
		if d.product > math.MaxInt64/p {
			finish()
		}
		d.product *= p
		d.primes = append(d.primes, divisor{inverse64(p), math.MaxUint64 / p})
	}
	finish()
	return all
})

// residue is x / 2^(64*len(x)) modulo the product, not the least one: a prime of the
// product divides it if and only if it divides x. Each step adds a word, and the
// multiple of the product that makes the sum divisible by 2^64.
func (d *divisors) residue(x []uint64) uint64 {
	r := uint64(0)
	for _, word := range x {
		sum, carry := bits.Add64(r, word, 0)
		hi, lo := bits.Mul64(sum*d.inverse, d.product)
		_, carry2 := bits.Add64(sum, lo, 0)
		r = hi + carry + carry2
	}
	return r
}

// hasSmallFactor reports whether a prime below trialLimit divides x, least significant
// word first.
func hasSmallFactor(x []uint64) bool {
	for _, d := range trialDivisors() {
		r := d.residue(x)
		for _, p := range d.primes {
			if p.divides(r) {
				return true
			}
		}
	}
	return false
}

// toWords sets x to a big-endian number that is not longer.
func toWords(x []uint64, b []byte) {
	for i := range x {
		var word [8]byte
		copy(word[max(0, 8-len(b)):], b[max(0, len(b)-8):])
		b = b[:max(0, len(b)-8)]
		x[i] = binary.BigEndian.Uint64(word[:])
	}
}
