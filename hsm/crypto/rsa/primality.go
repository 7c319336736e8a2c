package rsa

import (
	"io"
	"math/bits"
)

// primality tests long numbers of one length in eight lanes at once: FIPS 186-5, appendix
// B.3.1, Miller-Rabin with random bases.
type primality struct {
	*kernel
	rand  io.Reader
	bits  int
	bytes int      // that have so many bits
	work  []uint64 // three numbers and what modulus.exp needs
}

func newPrimality(k *kernel, rand io.Reader, bits int) *primality {
	return &primality{k, rand, bits, (bits + 7) / 8, make([]uint64, 3*k.words()+k.expWords())}
}

// round is one round for each of eight odd numbers w of so many bits: whether they may
// be primes. The time it takes depends on the lengths and on how often 2 divides w-1,
// as it does in crypto/rsa.
func (t *primality) round(w *[wide][]byte) (prime [wide]bool, err error) {
	m := newModuli(t.kernel, w[:]...)
	defer m.zero()
	defer clear(t.work)
	cut, n := cutter(t.work), t.words()
	x, y, sum := cut.next(n), cut.next(n), cut.next(n)
	if err := t.bases(x, w); err != nil {
		return prime, err
	}
	var odd [wide][]byte // w-1 = odd * 2^twos
	var twos [wide]int
	for l := range w {
		odd[l], twos[l] = oddPart(w[l])
		defer clear(odd[l])
	}
	e := newExponent(m.window(), t.bits, odd[:]...)
	defer clear(e)
	m.exp(y, x, e, cut)
	for i := range maxOf(twos) {
		m.reduce(y, m.m)
		m.add(sum, y, m.one) // m if y is -1
		for l := range w {
			minusOne, one := t.same(sum, m.m, l), t.same(y, m.one, l)
			prime[l] = prime[l] || i < twos[l] && minusOne || i == 0 && one
		}
		m.mul(y, y, y, m.block, 1)
	}
	return prime, nil
}

// bases sets every lane of x to a random number below w. It is taken as the base in
// Montgomery form, which is as random as the base. The standard leaves 0, 1 and -1
// out, one of which comes once in 2^(bits-2) times.
func (t *primality) bases(x []uint64, w *[wide][]byte) error {
	b, digits := make([]byte, t.bytes), make([]uint64, t.digits)
	for l := range w {
		for {
			if _, err := io.ReadFull(t.rand, b); err != nil {
				return err
			}
			b[0] &= 0xff >> (8*t.bytes - t.bits)
			if below(b, w[l]) {
				break
			}
		}
		toDigits(digits, b)
		t.put(x, l, digits)
	}
	return nil
}

// below reports whether x is less than y, numbers of the same length.
func below(x, y []byte) bool {
	borrow := 0
	for i := len(x) - 1; i >= 0; i-- {
		borrow = (int(x[i]) - int(y[i]) - borrow) >> 8 & 1
	}
	return borrow == 1
}

// oddPart is the odd number that w-1 is a power of two times, and that power; w is
// odd and more than 1.
func oddPart(w []byte) (odd []byte, twos int) {
	odd = append([]byte{}, w...)
	odd[len(odd)-1] &^= 1
	for last := len(odd) - 1; odd[last] == 0; twos += 8 {
		copy(odd[1:], odd[:last])
		odd[0] = 0
	}
	shift := bits.TrailingZeros8(odd[len(odd)-1])
	for i := len(odd) - 1; i > 0; i-- {
		odd[i] = odd[i]>>shift | odd[i-1]<<(8-shift)
	}
	odd[0] >>= shift
	return odd, twos + shift
}

func maxOf(x [wide]int) int {
	most := 0
	for _, n := range x {
		most = max(most, n)
	}
	return most
}

// same reports whether a lane of x and y is the same.
func (s shape) same(x, y []uint64, lane int) bool {
	different := uint64(0)
	for i := lane; i < s.lanes*s.digits; i += s.lanes {
		different |= x[i] ^ y[i]
	}
	return different == 0
}
