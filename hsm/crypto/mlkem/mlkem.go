// Package mlkem computes the expanded form of ML-KEM private keys (FIPS 203). The
// standard library has ML-KEM, but keeps keys as their seed and does not tell the
// decapsulation key dk, which PKCS #11 wants as CKA_VALUE.
package mlkem

import (
	"crypto/sha3"
	"errors"
)

// SeedSize is the length of a seed d || z in bytes.
const SeedSize = 64

const (
	n = 256  // coefficients of a polynomial
	q = 3329 // the prime
	// encodedSize is the length of ByteEncode12, in bytes.
	encodedSize = n * 12 / 8
)

// element is a number from 0 to q-1.
type element uint32

// Expand returns the decapsulation key dk of a seed (section 7.1, algorithm 19 by way
// of 16 and 13) and of the encapsulation key ek that the standard library has computed
// of the same seed. k is the rank of the parameter set, 3 or 4: with both, eta1 is 2.
// The caller wipes dk. It fails in the error state of the module.
func Expand(k int, seed, ek []byte) ([]byte, error) {
	if err := selfTest.Ready(); err != nil {
		return nil, err
	}
	return expand(k, seed, ek)
}

func expand(k int, seed, ek []byte) ([]byte, error) {
	if k != 3 && k != 4 || len(seed) != SeedSize || len(ek) != k*encodedSize+32 {
		return nil, errors.New("mlkem: not a seed and key of a known parameter set")
	}
	dk := make([]byte, 0, k*encodedSize+len(ek)+64)
	sigma := expandSeed(seed[:32], byte(k))
	defer clear(sigma)
	for i := range k {
		dk = appendSecret(dk, sigma, byte(i))
	}
	dk = append(dk, ek...)
	h := sha3.Sum256(ek)
	dk = append(dk, h[:]...)
	return append(dk, seed[32:]...), nil
}

// expandSeed is sigma, the second half of G(d || k) (algorithm 13, line 1).
func expandSeed(d []byte, k byte) []byte {
	g := sha3.New512()
	g.Write(d)
	g.Write([]byte{k})
	out := g.Sum(nil)
	clear(out[:32])
	return out[32:]
}

// appendSecret appends the polynomial number i of s-hat, encoded (algorithm 13,
// lines 8 to 11, 16 and 20).
func appendSecret(dst, sigma []byte, i byte) []byte {
	prf := sha3.NewSHAKE256()
	prf.Write(sigma)
	prf.Write([]byte{i})
	var noise [64 * 2]byte
	prf.Read(noise[:])
	f := sampleCBD2(&noise)
	ntt(&f)
	dst = encode12(dst, &f)
	clear(noise[:])
	clear(f[:])
	return dst
}

// sampleCBD2 is SamplePolyCBD with eta 2 (algorithm 8): of every four bits, the
// first two less the other two.
func sampleCBD2(b *[128]byte) (f [n]element) {
	for i, v := range b {
		pairs := element(v&0x55) + element(v>>1&0x55) // sums of two bits each
		f[2*i] = subtract(pairs&3, pairs>>2&3)
		f[2*i+1] = subtract(pairs>>4&3, pairs>>6&3)
	}
	return f
}

// zetas are 17 to the powers of the bit-reversed numbers from 0 to 127 (appendix A).
var zetas = func() (z [128]element) {
	for i := range z {
		z[i] = 1
		for bit := range 7 {
			if i>>bit&1 == 1 {
				for range 1 << (6 - bit) {
					z[i] = multiply(z[i], 17)
				}
			}
		}
	}
	return z
}()

// ntt is NTT (algorithm 9), in place.
func ntt(f *[n]element) {
	i := 1
	for length := 128; length >= 2; length /= 2 {
		for start := 0; start < n; start += 2 * length {
			zeta := zetas[i]
			i++
			for j := start; j < start+length; j++ {
				t := multiply(zeta, f[j+length])
				f[j+length] = subtract(f[j], t)
				f[j] = reduceOnce(f[j] + t)
			}
		}
	}
}

// encode12 appends ByteEncode12 (algorithm 5).
func encode12(dst []byte, f *[n]element) []byte {
	for i := 0; i < n; i += 2 {
		x := f[i] | f[i+1]<<12
		dst = append(dst, byte(x), byte(x>>8), byte(x>>16))
	}
	return dst
}

// The arithmetic modulo q has neither branches nor divisions, so that its time tells
// nothing of the numbers.

// reduceOnce takes q from a number below 2q if it is not below q.
func reduceOnce(a element) element {
	a -= q
	return a + q&-(a>>31)
}

func subtract(a, b element) element { return reduceOnce(a + q - b) }

// multiply divides by Barrett's method: 5039 is 2^24/q rounded down, and the quotient
// at most one too small for products below q squared.
func multiply(a, b element) element {
	product := uint64(a * b)
	quotient := product * 5039 >> 24
	return reduceOnce(element(product - quotient*q))
}
