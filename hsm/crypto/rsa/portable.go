package rsa

import (
	"crypto/rsa"
	"math/big"

	"filippo.io/bigmod"
)

// portableKey is a private key for filippo.io/bigmod.
type portableKey struct {
	pub    *PublicKey
	p, q   *bigmod.Modulus
	dP, dQ []byte      // d mod p-1, d mod q-1, big-endian
	qInv   *bigmod.Nat // 1/q mod p
}

func newPortableKey(pub *PublicKey, k *rsa.PrivateKey) (*portableKey, error) {
	c, r := &k.Precomputed, &portableKey{pub: pub}
	var err error
	if r.p, err = bigmod.NewModulus(k.Primes[0].Bytes()); err != nil {
		return nil, ErrKey
	}
	if r.q, err = bigmod.NewModulus(k.Primes[1].Bytes()); err != nil {
		return nil, ErrKey
	}
	if r.qInv, err = bigmod.NewNat().SetBytes(c.Qinv.Bytes(), r.p); err != nil {
		return nil, ErrKey
	}
	r.dP, r.dQ = padded(c.Dp, r.p), padded(c.Dq, r.q)
	return r, nil
}

// padded encodes x with the length of m, so that how long it takes to use it
// as an exponent does not tell how many zeros it begins with.
func padded(x *big.Int, m *bigmod.Modulus) []byte {
	return x.FillBytes(make([]byte, m.Size()))
}

func (k *portableKey) decrypt(dst, c []byte) ([]byte, error) {
	n := k.pub.n
	x, err := bigmod.NewNat().SetBytes(c, n)
	if err != nil {
		return nil, ErrRange
	}
	t := bigmod.NewNat()
	m1 := bigmod.NewNat().Exp(t.Mod(x, k.p), k.dP, k.p)
	m2 := bigmod.NewNat().Exp(t.Mod(x, k.q), k.dQ, k.q)
	// h = (m1 - m2) * qInv mod p, then m = m2 + q * h, which is below n.
	h := m1.Sub(t.Mod(m2, k.p), k.p).Mul(k.qInv, k.p)
	m := h.ExpandFor(n).Mul(t.Mod(k.q.Nat(), n), n).Add(m2.ExpandFor(n), n)
	if t.ExpShortVarTime(m, k.pub.e, n).Equal(x) != 1 {
		return nil, errFault
	}
	return append(dst, m.Bytes(n)...), nil
}

// zero wipes the exponents. The primes are inside bigmod, which has no way to
// wipe them.
func (k *portableKey) zero() {
	clear(k.dP)
	clear(k.dQ)
	clear(k.qInv.Bits())
}
