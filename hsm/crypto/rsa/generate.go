package rsa

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"

	"github.com/coffer-hsm/coffer/fips"
)

// exponent65537 is the public exponent of keys that are generated.
const exponent65537 = 65537

// errGenerated is about a key that crypto/rsa or the pairwise test refused.
var errGenerated = errors.New("rsa: the generated key failed its check")

// GenerateKey makes a key of an even number of bits with the public exponent 65537,
// precomputed and checked: crypto/rsa's own, or on the accelerated path the same way
// to one, FIPS 186-5, appendix A.1.3, with Miller-Rabin in eight lanes.
func GenerateKey(bits int) (*rsa.PrivateKey, error) {
	kernels := usable()
	k := kernelFor(kernels, wide, bits/2)
	if k == nil || bits%2 != 0 || bits < 1024 {
		return rsa.GenerateKey(rand.Reader, bits)
	}
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return generateKey(kernels, k, rand.Reader, bits)
}

func generateKey(kernels []kernel, k *kernel, source io.Reader, bits int) (*rsa.PrivateKey, error) {
	s := &primeSearch{test: newPrimality(k, source, bits/2)}
	defer s.zero()
	for {
		p, err := s.next()
		if err != nil {
			return nil, err
		}
		q, err := s.next()
		if err != nil {
			return nil, err
		}
		key := keyOfPrimes(p, q, bits)
		clear(p)
		clear(q)
		if key != nil {
			err := fips.PCT("RSA", func() error { return checkGenerated(key, kernels) })
			if err != nil {
				wipe(append(key.Primes, key.D)...)
				return nil, err
			}
			return key, nil
		}
	}
}

// keyOfPrimes makes the key, or is nil if the primes are unfit: steps 4.5, 5.5 and 5.6
// of A.1.3, and step 3 of A.1.1. Like crypto/rsa's, it takes variable time for 1/e.
func keyOfPrimes(pBytes, qBytes []byte, bits int) *rsa.PrivateKey {
	one, p, q := big.NewInt(1), new(big.Int).SetBytes(pBytes), new(big.Int).SetBytes(qBytes)
	difference, pm, qm := new(big.Int).Sub(p, q), new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	gcd, lambda, phi := new(big.Int).GCD(nil, nil, pm, qm), new(big.Int), new(big.Int).Mul(pm, qm)
	lambda.Quo(phi, gcd)
	d := new(big.Int).ModInverse(big.NewInt(exponent65537), lambda)
	defer wipe(difference, pm, qm, gcd, lambda, phi)
	near := new(big.Int).Lsh(one, uint(bits/2-100))
	if d == nil || difference.CmpAbs(near) <= 0 || d.BitLen() <= bits/2 {
		wipe(p, q)
		return nil
	}
	n := new(big.Int).Mul(p, q)
	return &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: exponent65537}, D: d, Primes: []*big.Int{p, q}}
}

func wipe(all ...*big.Int) {
	for _, x := range all {
		clear(x.Bits())
	}
}

// checkGenerated precomputes the key and has crypto/rsa check it; then it signs, and
// crypto/rsa verifies.
func checkGenerated(key *rsa.PrivateKey, kernels []kernel) error {
	key.Precompute()
	if key.Validate() != nil {
		return errGenerated
	}
	raw, err := newPrivateKey(key, kernels)
	if err != nil {
		return err
	}
	defer raw.Zero()
	digest := make([]byte, crypto.SHA256.Size())
	em := make([]byte, raw.Size())
	if err := encodePKCS1v15(em, crypto.SHA256, digest); err != nil {
		return err
	}
	sig, err := raw.decrypt(em)
	if err != nil {
		return err
	}
	if rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest, sig) != nil {
		return errGenerated
	}
	return nil
}

// primeSearch finds random primes.
type primeSearch struct {
	test       *primality
	candidates [wide][]byte
	left       []int // candidates that passed their first round
}

// next is steps 4.2 to 4.7 of A.1.3: a random prime of so many bits. Eight candidates
// have their first round together; one that passes it has eight more, which is more
// than table B.1 asks for (at most five from 476 bits on).
func (s *primeSearch) next() ([]byte, error) {
	for {
		for len(s.left) > 0 {
			w := s.candidates[s.left[0]]
			s.left = s.left[1:]
			if is, err := s.confirm(w); err != nil || is {
				return w, err
			}
		}
		if err := s.more(); err != nil {
			return nil, err
		}
	}
}

// more fills candidates, and left with those that may be primes. Primes that were
// handed out stay as they are until zero.
func (s *primeSearch) more() error {
	for l := range s.candidates {
		w, err := s.candidate()
		if err != nil {
			return err
		}
		s.candidates[l] = w
	}
	prime, err := s.test.round(&s.candidates)
	for l, is := range prime {
		if is {
			s.left = append(s.left, l)
		} else {
			clear(s.candidates[l])
		}
	}
	return err
}

// candidate is an odd random number of so many bits that no small prime divides. Its
// two highest bits are set, as in crypto/rsa: it is above sqrt(2) 2^(bits-1), and the
// product of two has full length.
func (s *primeSearch) candidate() ([]byte, error) {
	t := s.test
	b, words := make([]byte, t.bytes), make([]uint64, (t.bytes+7)/8)
	defer clear(words)
	for {
		if _, err := io.ReadFull(t.rand, b); err != nil {
			return nil, err
		}
		b[0] &= 0xff >> (8*t.bytes - t.bits)
		for i := t.bits - 2; i < t.bits; i++ {
			b[t.bytes-1-i/8] |= 1 << (i % 8)
		}
		b[t.bytes-1] |= 1
		toWords(words, b)
		if !hasSmallFactor(words) {
			return b, nil
		}
	}
}

// confirm has eight rounds for one number.
func (s *primeSearch) confirm(w []byte) (bool, error) {
	var all [wide][]byte
	for l := range all {
		all[l] = w
	}
	prime, err := s.test.round(&all)
	is := err == nil
	for _, p := range prime {
		is = is && p
	}
	return is, err
}

// zero wipes what is left of the search.
func (s *primeSearch) zero() {
	for _, w := range s.candidates {
		clear(w)
	}
}
