package rsa

import (
	"bytes"
	"math/big"
	"testing"
)

// FuzzPrimality compares a round of Miller-Rabin in eight lanes with the same one by
// math/big, with the same bases, and that of short numbers with ProbablyPrime. Where data says so, a lane has a
// prime; numbers of few bits are strong pseudoprimes to many bases.
func FuzzPrimality(f *testing.F) {
	f.Add(uint16(510), uint8(1), uint8(0x55), []byte{0xff, 3, 0x81})
	f.Add(uint16(7), uint8(2), uint8(0), []byte{1, 2, 4, 8, 16, 32, 64})
	f.Add(uint16(arnault().BitLen()-3), uint8(3), uint8(0), arnault().Bytes())
	f.Fuzz(func(t *testing.T, length uint16, seed, primes uint8, data []byte) {
		bits := 3 + int(length)%1500
		candidates := moduli(wide, bits, numbers(data, bits))
		var w [wide][]byte
		for l, x := range candidates {
			if primes>>l&1 == 1 && bits > 32 && bits < 300 {
				if p := primeFrom(x.Bytes(), bits, exponent65537); p.BitLen() == bits {
					x.Set(p)
				}
			}
			w[l] = x.Bytes()
		}
		for name, kernels := range allKernels() {
			if name == "generic" && bits > 100 { // it is slow
				continue
			}
			test := newPrimality(kernelFor(kernels, wide, bits), steady(seed), bits)
			got, err := test.round(&w)
			if err != nil {
				t.Fatal(err)
			}
			for l, base := range basesOf(seed, test, candidates) {
				want := strongProbablePrime(candidates[l], base)
				if !want && base.Sign() != 0 && bits < 300 && candidates[l].ProbablyPrime(0) {
					t.Errorf("%x is prime, and %x tells otherwise", w[l], base)
				}
				if got[l] != want {
					t.Errorf("%s: %x may be prime, by %x: %t, want %t", name, w[l], base, got[l], want)
				}
			}
		}
	})
}

// basesOf are the bases that a test with that source takes for numbers: the first ones below
// them that it gives, in Montgomery form.
func basesOf(seed byte, test *primality, numbers []*big.Int) (all [wide]*big.Int) {
	source, b := steady(seed), make([]byte, test.bytes)
	R := new(big.Int).Lsh(big.NewInt(1), uint(digitBits*test.digits))
	for l, w := range numbers {
		x := new(big.Int).Set(w)
		for x.Cmp(w) >= 0 {
			source.Read(b) // never fails
			b[0] &= 0xff >> (8*test.bytes - test.bits)
			x.SetBytes(b)
		}
		all[l] = x.Mul(x, new(big.Int).ModInverse(R, w)).Mod(x, w)
	}
	return all
}

// strongProbablePrime is FIPS 186-5, appendix B.3.1, steps 4.5 to 4.7, of w and a base b.
func strongProbablePrime(w, b *big.Int) bool {
	one := big.NewInt(1)
	minusOne := new(big.Int).Sub(w, one)
	a := minusOne.TrailingZeroBits()
	z := new(big.Int).Exp(b, new(big.Int).Rsh(minusOne, a), w)
	if z.Cmp(one) == 0 {
		return true
	}
	for range a {
		if z.Cmp(minusOne) == 0 {
			return true
		}
		z.Mul(z, z).Mod(z, w)
	}
	return false
}

// FuzzTrialDivision compares with math/big's greatest common divisor.
func FuzzTrialDivision(f *testing.F) {
	product, one := big.NewInt(1), big.NewInt(1)
	for p := int64(3); p < trialLimit; p += 2 {
		if x := big.NewInt(p); x.ProbablyPrime(0) {
			product.Mul(product, x)
		}
	}
	f.Add([]byte{0xff, 0xff})
	f.Add(near{1036, -1127}.prime().Bytes())
	f.Add(product.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.TrimLeft(data[:min(len(data), 600)], "\x00")
		if len(data) == 0 {
			return
		}
		x := new(big.Int).SetBytes(data)
		words := make([]uint64, (len(data)+7)/8)
		toWords(words, data)
		for range 2 { // then without its small factors
			g := new(big.Int).GCD(nil, nil, x, product)
			if got := hasSmallFactor(words); got != (g.Cmp(one) != 0) {
				t.Errorf("%x: a small factor: %t", x, got)
			}
			for ; g.Cmp(one) != 0; g.GCD(nil, nil, x, product) {
				x.Quo(x, g)
			}
			toWords(words, x.Bytes())
		}
	})
}
