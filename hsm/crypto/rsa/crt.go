package rsa

import (
	"crypto/rsa"
	"math/big"
)

// operation is a private operation. It starts out with errFault, and has that until
// its result is known to be right. Till then the result is nowhere but in m.
type operation struct {
	key *crtKey
	c   []byte // below n and no longer
	m   []byte // c^d mod n, as many bytes as n has
	err error
}

// crtKey is a private key for a kernel of two lanes: the prime p and what belongs
// to it is in lane 0, q in lane 1.
type crtKey struct {
	primes
	public *publicModulus
	wideE  exponent // e in windows for eight lanes
	lift   []uint64 // a multiple of p that is not less than q; the number alone
	q      []uint64 // the number alone
	size   int      // of the public modulus, in bytes
}

// primes is what belongs to the primes of keys, of which each has two lanes: p is in
// the even ones, q in the odd ones.
type primes struct {
	*modulus
	rrr      []uint64 // R^3 mod p, mod q
	qInv     []uint64 // R/q mod p in the lanes of p
	plainOne []uint64 // 1
	e        exponent // d mod p-1, d mod q-1
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
	exponents := [][]byte{c.Dp.Bytes(), c.Dq.Bytes()}
	r := &crtKey{
		primes: primes{
			modulus: newModulus(k, p.Bytes(), q.Bytes()),
			rrr:     make([]uint64, n), qInv: make([]uint64, n), plainOne: make([]uint64, n),
			e: newExponent(k.window(), length, exponents...),
		},
		public: public,
		wideE:  newExponent(shape{lanes: wide}.window(), length, exponents...),
		lift:   make([]uint64, d), q: make([]uint64, d),
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

// decrypt appends c^d mod n (RFC 8017, section 5.1.2, step 2b), as many bytes as n
// has. c is below n and no longer.
func (k *crtKey) decrypt(dst, c []byte) ([]byte, error) {
	if k.scheduler == nil || k.public.digits != 2*k.digits {
		op := operation{key: k, c: c, m: make([]byte, k.size), err: errFault}
		op.alone()
		return op.result(dst)
	}
	return k.scheduler.do(k, dst, c)
}

// alone does the operation on the kernel of two lanes.
func (op *operation) alone() {
	k, ops := op.key, [1]*operation{op}
	s := k.borrow()
	defer k.giveBack(s)
	k.power(ops[:], *s)
	p := k.public.borrow()
	defer k.public.giveBack(p)
	k.public.check(ops[:], *p)
}

// result appends what leaves to dst: a faulty result would give the primes away. It
// wipes m.
func (op *operation) result(dst []byte) ([]byte, error) {
	defer clear(op.m)
	if op.err != nil {
		return nil, op.err
	}
	return append(dst, op.m...), nil
}

// power sets m to c^d mod n for all operations by way of their primes. Operation i
// has the lanes 2i and 2i+1.
func (k *primes) power(ops []*operation, cut cutter) {
	n, d := k.words(), k.digits
	a, b := cut.next(n), cut.next(n)
	table, x := cut.next(k.expWords()), cut.next(2*d)
	for i, op := range ops {
		toDigits(x, op.c)
		for l := 2 * i; l < 2*i+2; l++ {
			k.put(a, l, x[:d])
			k.put(b, l, x[d:])
		}
	}
	k.join(a, b)
	k.exp(b, a, k.e, table)
	k.mul(b, b, k.plainOne, k.block, 1)
	k.reduce(b, k.m)
	k.combine(ops, a, b, cut)
}

// join sets a, the lower half of numbers, to them times R, which is less than four
// times the primes: with x = a + b*R, that is a*R + b*R*R. b is lost.
func (k *primes) join(a, b []uint64) {
	k.mul(a, a, k.rr, k.block, 1)
	k.mul(b, b, k.rrr, k.block, 1)
	k.add(a, a, b)
}

// combine sets m to what b is modulo p and q: h = (m1 - m2) / q mod p, then m = m2 +
// q*h, which is below n. a is room for a number.
func (k *primes) combine(ops []*operation, a, b []uint64, cut cutter) {
	d := k.digits
	m1, m2, m := cut.next(d), cut.next(d), cut.next(2*d)
	clear(a)
	for i, op := range ops {
		k.get(m1, b, 2*i)
		k.get(m2, b, 2*i+1)
		addSub(m1, m1, op.key.lift, m2)
		k.put(a, 2*i, m1)
	}
	k.mul(a, a, k.qInv, k.block, 1)
	k.reduce(a, k.m)
	for i, op := range ops {
		k.get(m1, a, 2*i)
		k.get(m2, b, 2*i+1)
		mulAdd(m, m1, op.key.q, m2)
		fromDigits(op.m, m)
	}
}

// zero wipes the key.
func (k *crtKey) zero() {
	k.modulus.zero()
	clear(k.e)
	clear(k.wideE)
	for _, x := range [][]uint64{k.rrr, k.lift, k.q, k.qInv} {
		clear(x)
	}
}
