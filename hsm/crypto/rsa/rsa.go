// Package rsa has the two things of RSA that crypto/rsa keeps to itself: the
// bare primitives, for CKM_RSA_X_509, and PSS whose mask generation uses another
// hash than the message, or no salt. All else is crypto/rsa's.
//
// Private operations take constant time, use the Chinese remainder theorem and
// check their result with the public exponent before it leaves, so that a fault
// of the machine does not give the primes away.
//
// The operations also return the error of fips.Failed if the module is in the
// error state.
package rsa

import (
	"crypto/rsa"
	"errors"
	"math/big"

	"filippo.io/bigmod"
)

// Errors of this package. None says what in a secret was wrong.
var (
	ErrKey          = errors.New("rsa: unusable key")
	ErrRange        = errors.New("rsa: number is not below the modulus")
	ErrLength       = errors.New("rsa: hash and salt do not fit the key")
	ErrVerification = errors.New("rsa: verification error")
	errFault        = errors.New("rsa: private operation failed its check")
)

// PublicKey is a public key made ready.
type PublicKey struct {
	n *bigmod.Modulus
	e uint
}

// NewPublicKey makes a public key ready, or answers ErrKey.
func NewPublicKey(k *rsa.PublicKey) (*PublicKey, error) {
	n, err := bigmod.NewModulus(k.N.Bytes())
	if err != nil || k.N.Bit(0) == 0 || k.E < 3 || k.E&1 == 0 {
		return nil, ErrKey
	}
	return &PublicKey{n: n, e: uint(k.E)}, nil
}

// Size is the length of the modulus in bytes.
func (k *PublicKey) Size() int { return k.n.Size() }

// Encrypt is RSAEP and RSAVP1 (RFC 8017, sections 5.1.1 and 5.2.2): m^e mod n,
// as many bytes as the modulus has. m is a big-endian number below the modulus
// in no more bytes than that.
func (k *PublicKey) Encrypt(m []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return k.encrypt(m)
}

func (k *PublicKey) encrypt(m []byte) ([]byte, error) {
	x, err := bigmod.NewNat().SetBytes(m, k.n)
	if err != nil {
		return nil, ErrRange
	}
	return x.ExpShortVarTime(x, k.e, k.n).Bytes(k.n), nil
}

// PrivateKey is a private key of two primes made ready.
type PrivateKey struct {
	PublicKey
	p, q   *bigmod.Modulus
	dP, dQ []byte      // d mod p-1, d mod q-1, big-endian
	qInv   *bigmod.Nat // 1/q mod p
}

// NewPrivateKey makes a private key ready that crypto/rsa has found to be
// consistent (Validate) and precomputed. Keys of more than two primes are ErrKey.
func NewPrivateKey(k *rsa.PrivateKey) (*PrivateKey, error) {
	pub, err := NewPublicKey(&k.PublicKey)
	if err != nil {
		return nil, err
	}
	c := &k.Precomputed
	if len(k.Primes) != 2 || c.Dp == nil || c.Dq == nil || c.Qinv == nil {
		return nil, ErrKey
	}
	r := &PrivateKey{PublicKey: *pub}
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

// Decrypt is RSADP and RSASP1 (RFC 8017, sections 5.1.2 and 5.2.1, the forms
// 2b): c^d mod n, as many bytes as the modulus has. c is a big-endian number
// below the modulus in no more bytes than that.
func (k *PrivateKey) Decrypt(c []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return k.decrypt(c)
}

func (k *PrivateKey) decrypt(c []byte) ([]byte, error) {
	x, err := bigmod.NewNat().SetBytes(c, k.n)
	if err != nil {
		return nil, ErrRange
	}
	t := bigmod.NewNat()
	m1 := bigmod.NewNat().Exp(t.Mod(x, k.p), k.dP, k.p)
	m2 := bigmod.NewNat().Exp(t.Mod(x, k.q), k.dQ, k.q)
	// h = (m1 - m2) * qInv mod p, then m = m2 + q * h, which is below n.
	h := m1.Sub(t.Mod(m2, k.p), k.p).Mul(k.qInv, k.p)
	m := h.ExpandFor(k.n).Mul(t.Mod(k.q.Nat(), k.n), k.n).Add(m2.ExpandFor(k.n), k.n)
	if t.ExpShortVarTime(m, k.e, k.n).Equal(x) != 1 {
		return nil, errFault
	}
	return m.Bytes(k.n), nil
}

// Zero wipes the exponents; the key is not used afterwards. The primes are inside
// bigmod, which has no way to wipe them.
func (k *PrivateKey) Zero() {
	clear(k.dP)
	clear(k.dQ)
	clear(k.qInv.Bits())
}
