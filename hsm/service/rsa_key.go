package service

import (
	"crypto/rand"
	"crypto/rsa"
	"math"
	"math/big"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
	rawrsa "github.com/coffer-hsm/coffer/hsm/crypto/rsa"
)

// Sizes of RSA moduli in bits. Shorter keys than rsaMinGenerate may come from
// outside and be used, since they still sign in zones and open old messages; what
// is approved is for fips to say.
const (
	rsaMin         = 1024
	rsaMinGenerate = 2048
	rsaMax         = 8192
)

const rsaDefaultExponent = 65537

// rsaMaxExponent is the largest public exponent that crypto/rsa takes.
const rsaMaxExponent = math.MaxInt32

// rsaPublicKey is the parsed form of RSA public keys.
type rsaPublicKey struct {
	*rsa.PublicKey
	raw func() (*rawrsa.PublicKey, error)
}

func newRSAPublicKey(pub *rsa.PublicKey) *rsaPublicKey {
	return &rsaPublicKey{pub, sync.OnceValues(func() (*rawrsa.PublicKey, error) {
		return rawrsa.NewPublicKey(pub)
	})}
}

// rsaPrivateKey is the parsed form of RSA private keys: of two primes, found
// consistent and precomputed.
type rsaPrivateKey struct {
	*rsa.PrivateKey
	wipeable

	once   sync.Once
	raw    *rawrsa.PrivateKey
	rawErr error
}

// bare returns the key for what crypto/rsa does not do, made ready once.
func (k *rsaPrivateKey) bare() (*rawrsa.PrivateKey, error) {
	k.once.Do(func() { k.raw, k.rawErr = rawrsa.NewPrivateKey(k.PrivateKey) })
	return k.raw, k.rawErr
}

func (k *rsaPrivateKey) zero() {
	k.wipe(func() {
		if k.raw != nil {
			k.raw.Zero()
		}
		c := &k.Precomputed
		for _, x := range append([]*big.Int{k.D, c.Dp, c.Dq, c.Qinv}, k.Primes...) {
			clear(x.Bits())
		}
	})
}

func (k *rsaPrivateKey) abandon() { whenForgotten(k, (*rsaPrivateKey).zero) }

// number reads an attribute of type Big Integer: big-endian, unsigned, with or
// without leading zeros. It is nil if there is none.
func number(a source, t ck.AttributeType) *big.Int {
	b := a(t)
	if len(b) == 0 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}

func parseRSAPublic(a source) (any, error) {
	n, e := number(a, ck.CKA_MODULUS), number(a, ck.CKA_PUBLIC_EXPONENT)
	if n == nil || e == nil {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "an RSA public key needs modulus and public exponent")
	}
	pub, err := rsaPublicOf(n, e)
	if err != nil {
		return nil, err
	}
	return newRSAPublicKey(pub), nil
}

// rsaPublicOf checks what can be checked of a public key.
func rsaPublicOf(n, e *big.Int) (*rsa.PublicKey, error) {
	switch {
	case n.BitLen() < rsaMin || n.BitLen() > rsaMax:
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "RSA modulus of %d bits, not %d to %d", n.BitLen(), rsaMin, rsaMax)
	case n.Bit(0) == 0:
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "RSA modulus is even")
	case e.BitLen() < 2 || e.Bit(0) == 0 || e.BitLen() > 31:
		return nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "RSA public exponent is not odd or not from 3 to %d", rsaMaxExponent)
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

func parseRSAPrivate(a source) (any, error) {
	n, d := number(a, ck.CKA_MODULUS), number(a, ck.CKA_PRIVATE_EXPONENT)
	if n == nil || d == nil {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "an RSA private key needs modulus and private exponent")
	}
	e := number(a, ck.CKA_PUBLIC_EXPONENT)
	if e == nil { // optional in a private key (PKCS #11, RSA private key objects)
		e = big.NewInt(rsaDefaultExponent)
	}
	pub, err := rsaPublicOf(n, e)
	if err != nil {
		return nil, err
	}
	p, q := number(a, ck.CKA_PRIME_1), number(a, ck.CKA_PRIME_2)
	if p == nil || q == nil {
		p, q = factor(n, e, d)
	}
	// The length comes first: what follows takes long with primes of any length.
	if p == nil || p.BitLen()+q.BitLen() > n.BitLen()+1 {
		return nil, errRSAInconsistent
	}
	return newRSAPrivateKey(&rsa.PrivateKey{PublicKey: *pub, D: d, Primes: []*big.Int{p, q}}, a)
}

var errRSAInconsistent = ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "values of the RSA private key do not belong together")

// newRSAPrivateKey precomputes and checks key. CRT values that a has must be
// the right ones, and spare computing them if all are there.
func newRSAPrivateKey(key *rsa.PrivateKey, a source) (*rsaPrivateKey, error) {
	given := rsa.PrecomputedValues{
		Dp:   number(a, ck.CKA_EXPONENT_1),
		Dq:   number(a, ck.CKA_EXPONENT_2),
		Qinv: number(a, ck.CKA_COEFFICIENT),
	}
	if given.Dp != nil && given.Dq != nil && given.Qinv != nil {
		key.Precomputed = given
	}
	if new(big.Int).Mul(key.Primes[0], key.Primes[1]).Cmp(key.N) != 0 {
		return nil, errRSAInconsistent
	}
	key.Precompute()
	if key.Validate() != nil {
		return nil, errRSAInconsistent
	}
	c := &key.Precomputed
	if !agrees(given.Dp, c.Dp) || !agrees(given.Dq, c.Dq) || !agrees(given.Qinv, c.Qinv) {
		return nil, errRSAInconsistent
	}
	return &rsaPrivateKey{PrivateKey: key}, nil
}

// agrees reports whether a value from outside is the right one, or not there.
func agrees(given, right *big.Int) bool { return given == nil || given.Cmp(right) == 0 }

// factor finds the primes from the exponents (NIST SP 800-56B Rev. 2, appendix
// C.2); nil if they do not belong to a modulus of two. It takes variable time:
// it runs once in the life of a key, when the key comes from outside.
func factor(n, e, d *big.Int) (p, q *big.Int) {
	one := big.NewInt(1)
	k := new(big.Int).Mul(d, e)
	k.Sub(k, one)
	if k.Sign() <= 0 || k.Bit(0) != 0 || d.Cmp(n) >= 0 {
		return nil, nil
	}
	t := k.TrailingZeroBits()
	r := new(big.Int).Rsh(k, t)
	top := new(big.Int).Sub(n, one)
	x, y := new(big.Int), new(big.Int)
	for range 100 { // each round succeeds with a chance of one half
		g, err := rand.Int(rand.Reader, n)
		if err != nil {
			return nil, nil
		}
		y.Exp(g, r, n)
		for i := uint(0); i < t && y.Cmp(one) != 0 && y.Cmp(top) != 0; i++ {
			x.Set(y)
			if y.Exp(y, big.NewInt(2), n); y.Cmp(one) == 0 {
				return split(n, x.Sub(x, one))
			}
		}
	}
	return nil, nil
}

// split divides n by what it has in common with x; the larger factor is first.
func split(n, x *big.Int) (p, q *big.Int) {
	p = new(big.Int).GCD(nil, nil, x, n)
	q = new(big.Int).Quo(n, p)
	if p.Cmp(q) < 0 {
		p, q = q, p
	}
	return p, q
}

// check makes sure that the factors are primes, which the consistency of a
// key does not. Baillie-PSW is known to err on no number.
func (k *rsaPrivateKey) check() error {
	for _, p := range k.Primes {
		if !p.ProbablyPrime(0) {
			return errRSAInconsistent
		}
	}
	return nil
}

func (k *rsaPublicKey) attributes() ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_RSA),
		ck.Bytes(ck.CKA_MODULUS, k.N.Bytes()),
		ck.Ulong(ck.CKA_MODULUS_BITS, uint64(k.N.BitLen())),
		ck.Bytes(ck.CKA_PUBLIC_EXPONENT, big.NewInt(int64(k.E)).Bytes()),
		ck.Bytes(ck.CKA_PUBLIC_KEY_INFO, rsaPublicKeyInfo(k.PublicKey)),
	}
}

func (k *rsaPrivateKey) attributes() ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_RSA),
		ck.Bytes(ck.CKA_MODULUS, k.N.Bytes()),
		ck.Bytes(ck.CKA_PUBLIC_EXPONENT, big.NewInt(int64(k.E)).Bytes()),
		ck.Bytes(ck.CKA_PRIVATE_EXPONENT, k.D.Bytes()),
		ck.Bytes(ck.CKA_PRIME_1, k.Primes[0].Bytes()),
		ck.Bytes(ck.CKA_PRIME_2, k.Primes[1].Bytes()),
		ck.Bytes(ck.CKA_EXPONENT_1, k.Precomputed.Dp.Bytes()),
		ck.Bytes(ck.CKA_EXPONENT_2, k.Precomputed.Dq.Bytes()),
		ck.Bytes(ck.CKA_COEFFICIENT, k.Precomputed.Qinv.Bytes()),
		ck.Bytes(ck.CKA_PUBLIC_KEY_INFO, rsaPublicKeyInfo(&k.PublicKey)),
	}
}

// generateRSA is CKM_RSA_PKCS_KEY_PAIR_GEN.
func generateRSA(_ *ck.Mechanism, public, _ ck.Template) (pub, priv ck.Template, err error) {
	bits, ok := public.Ulong(ck.CKA_MODULUS_BITS)
	if !ok {
		return nil, nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_MODULUS_BITS is missing")
	}
	if bits < rsaMinGenerate || bits > rsaMax || bits%2 != 0 {
		return nil, nil, ck.Errorf(ck.CKR_KEY_SIZE_RANGE, "RSA keys have %d to %d bits, an even number", rsaMinGenerate, rsaMax)
	}
	e := number(sourceOf(public), ck.CKA_PUBLIC_EXPONENT)
	if e != nil && e.Cmp(big.NewInt(rsaDefaultExponent)) != 0 {
		return nil, nil, ck.Errorf(ck.CKR_ATTRIBUTE_VALUE_INVALID, "RSA keys are generated with the public exponent %d only", rsaDefaultExponent)
	}
	key, err := rawrsa.GenerateKey(int(bits))
	if err != nil {
		if refused := Ready(); refused != nil {
			return nil, nil, refused
		}
		return nil, nil, ck.Errorf(ck.CKR_FUNCTION_FAILED, "generating an RSA key: %w", err)
	}
	k := &rsaPrivateKey{PrivateKey: key}
	defer k.zero()
	return newRSAPublicKey(&key.PublicKey).attributes(), k.attributes(), nil
}
