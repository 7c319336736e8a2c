// Package rsa has what crypto/rsa keeps to itself: the bare primitives, for
// CKM_RSA_X_509, and PSS whose mask generation uses another hash than the message,
// or no salt. It also has private-key operations that are several times as fast,
// with AVX-512 IFMA (see Accelerated and DESIGN.md), and the schemes over them:
// PKCS #1 v1.5, PSS and decryption by OAEP. All else is crypto/rsa's.
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

	"filippo.io/bigmod"
)

// Errors of this package. None says what in a secret was wrong.
var (
	ErrKey          = errors.New("rsa: unusable key")
	ErrRange        = errors.New("rsa: number is not below the modulus")
	ErrLength       = errors.New("rsa: hash and salt do not fit the key")
	ErrVerification = errors.New("rsa: verification error")
	ErrDecryption   = errors.New("rsa: decryption error")
	errFault        = errors.New("rsa: private operation failed its check")
)

// PublicKey is a public key made ready.
type PublicKey struct {
	n    *bigmod.Modulus
	e    uint
	fast *publicModulus // nil if there is no kernel for it
}

// NewPublicKey makes a public key ready, or answers ErrKey.
func NewPublicKey(k *rsa.PublicKey) (*PublicKey, error) { return newPublicKey(k, usable()) }

func newPublicKey(k *rsa.PublicKey, kernels []kernel) (*PublicKey, error) {
	n, err := bigmod.NewModulus(k.N.Bytes())
	if err != nil || k.N.Bit(0) == 0 || k.E < 3 || k.E&1 == 0 {
		return nil, ErrKey
	}
	return &PublicKey{n: n, e: uint(k.E), fast: newPublicModulus(kernels, k.N, uint(k.E))}, nil
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
	if k.fast != nil {
		return k.fast.encrypt(x.Bytes(k.n)), nil
	}
	return x.ExpShortVarTime(x, k.e, k.n).Bytes(k.n), nil
}

// PrivateKey is a private key made ready.
type PrivateKey struct {
	PublicKey
	private interface {
		// decrypt appends c^d mod n, checked, to dst; c is below n and no longer.
		decrypt(dst, c []byte) ([]byte, error)
		zero()
	}
}

// NewPrivateKey makes a private key ready that crypto/rsa has found to be
// consistent (Validate) and precomputed. Keys of more than two primes are ErrKey.
func NewPrivateKey(k *rsa.PrivateKey) (*PrivateKey, error) { return newPrivateKey(k, usable()) }

func newPrivateKey(k *rsa.PrivateKey, kernels []kernel) (*PrivateKey, error) {
	pub, err := newPublicKey(&k.PublicKey, kernels)
	if err != nil {
		return nil, err
	}
	c := &k.Precomputed
	if len(k.Primes) != 2 || c.Dp == nil || c.Dq == nil || c.Qinv == nil {
		return nil, ErrKey
	}
	r := &PrivateKey{PublicKey: *pub}
	if fast := newCRTKey(kernels, pub.fast, k); fast != nil {
		r.private = fast
		return r, nil
	}
	r.private, err = newPortableKey(pub, k)
	return r, err
}

// Accelerated reports whether operations with this very key are: see the
// function of that name.
func (k *PrivateKey) Accelerated() bool {
	_, is := k.private.(*crtKey)
	return is
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
	return k.private.decrypt(nil, x.Bytes(k.n))
}

// Zero wipes what can be wiped of the key, which is not used afterwards.
func (k *PrivateKey) Zero() { k.private.zero() }
