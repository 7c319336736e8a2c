package rsa

import (
	"crypto/rsa"
	"math/big"
)

// crtKey is a private key for a kernel of two lanes: the prime p and what belongs
// to it is in lane 0, q in lane 1.
type crtKey struct {
	public *publicModulus
	*modulus
	rrr      []uint64 // R^3 mod p, mod q
	e        exponent // d mod p-1, d mod q-1
	lift     []uint64 // a multiple of p that is not less than q; the number alone
	q        []uint64 // the number alone
	qInv     []uint64 // R/q mod p in lane 0
	plainOne []uint64 // 1
	size     int      // of the public modulus, in bytes
}

// newCRTKey returns nil if there is no kernel for keys of that size.
func newCRTKey(kernels []kernel, public *publicModulus, key *rsa.PrivateKey) *crtKey {
	p, q, c := key.Primes[0], key.Primes[1], &key.Precomputed
	length := max(p.BitLen(), q.BitLen())
	k := kernelFor(kernels, 2, length)
	if k == nil || public == nil {
		return nil
	}
	n, d := k.words(), k.digits
	r := &crtKey{
		public:  public,
		modulus: newModulus(k, p.Bytes(), q.Bytes()),
		rrr:     make([]uint64, n), qInv: make([]uint64, n), plainOne: make([]uint64, n),
		e:    k.newExponent(length, c.Dp.Bytes(), c.Dq.Bytes()),
		lift: make([]uint64, d), q: make([]uint64, d),
		size: (key.N.BitLen() + 7) / 8,
	}
	r.mul(r.rrr, r.rr, r.rr, r.block, 1)
	r.reduce(r.rrr, r.m)
	r.plainOne[0], r.plainOne[1] = 1, 1
	// p times two or more has more bits than q, and not more than one more than the
	// longer of both.
	toDigits(r.lift, new(big.Int).Lsh(p, uint(max(0, q.BitLen()-p.BitLen())+1)).Bytes())
	toDigits(r.q, q.Bytes())
	x := make([]uint64, d)
	toDigits(x, c.Qinv.Bytes())
	r.put(r.qInv, 0, x)
	clear(x)
	r.mul(r.qInv, r.qInv, r.rr, r.block, 1)
	r.reduce(r.qInv, r.m)
	return r
}

// decrypt is c^d mod n (RFC 8017, section 5.1.2, step 2b), as many bytes as n
// has. c is below n and no longer.
func (k *crtKey) decrypt(c []byte) ([]byte, error) {
	s := k.borrow()
	defer k.giveBack(s)
	cut := cutter(*s)
	x, m := cut.next(2*k.digits), cut.next(2*k.digits)
	toDigits(x, c)
	k.power(m, x, cut)
	b := make([]byte, k.size)
	fromDigits(b, m)
	if !k.public.agrees(b, c) {
		clear(b) // a faulty result gives the primes away
		return nil, errFault
	}
	return b, nil
}

// power sets m to x^d mod n by way of both primes. Both have 2*digits digits.
func (k *crtKey) power(m, x []uint64, cut cutter) {
	n, d := k.modulus.kernel.words(), k.digits
	a, b := cut.next(n), cut.next(n)
	k.halve(a, b, x)
	k.exp(b, a, k.e, cut.next(k.expWords()))
	k.mul(b, b, k.plainOne, k.block, 1)
	k.reduce(b, k.m)
	// h = (m1 - m2) / q mod p, then m = m2 + q*h, which is below n.
	m1, m2 := cut.next(d), cut.next(d)
	k.get(m1, b, 0)
	k.get(m2, b, 1)
	addSub(m1, m1, k.lift, m2)
	clear(a)
	k.put(a, 0, m1)
	k.mul(a, a, k.qInv, k.block, 1)
	k.reduce(a, k.m)
	k.get(m1, a, 0)
	mulAdd(m, m1, k.q, m2)
}

// halve sets a to x*R in both lanes, less than four times the primes: with x =
// low + high*R, that is low*R + high*R*R. b is room for one of them.
func (k *crtKey) halve(a, b, x []uint64) {
	for l := range k.lanes {
		k.put(a, l, x[:k.digits])
		k.put(b, l, x[k.digits:])
	}
	k.mul(a, a, k.rr, k.block, 1)
	k.mul(b, b, k.rrr, k.block, 1)
	k.add(a, a, b)
}

// zero wipes the key.
func (k *crtKey) zero() {
	k.modulus.zero()
	clear(k.e)
	for _, x := range [][]uint64{k.rrr, k.lift, k.q, k.qInv} {
		clear(x)
	}
}
