package rsa

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"
)

// steady is a random source that gives the same every time.
func steady(seed byte) io.Reader { return mathrand.NewChaCha8([32]byte{seed}) }

// forEachWide runs a test with the kernels of every implementation, and that of eight
// lanes for primes of 512 bits.
func forEachWide(t *testing.T, f func(*testing.T, *kernel, []kernel)) {
	for name, kernels := range allKernels() {
		t.Run(name, func(t *testing.T) { f(t, kernelFor(kernels, wide, 512), kernels) })
	}
}

func TestTrialDivision(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(11, 12))
	small := new(big.Int).SetUint64(1)
	primes := 0
	for _, d := range trialDivisors() {
		small.Mul(small, new(big.Int).SetUint64(d.product))
		primes += len(d.primes)
	}
	if primes != 563 { // the odd primes below 4096
		t.Errorf("%d primes", primes)
	}
	for i := range 2000 {
		bits := 64 + r.IntN(2000)
		x := oddOf(edgy(r, bits), bits)
		if i%2 == 0 { // one that no small prime divides
			for g := new(big.Int); g.GCD(nil, nil, x, small).Cmp(big.NewInt(1)) != 0; {
				x.Quo(x, g)
			}
		}
		words := make([]uint64, (x.BitLen()+63)/64)
		toWords(words, x.Bytes())
		want := new(big.Int).GCD(nil, nil, x, small).Cmp(big.NewInt(1)) != 0
		if hasSmallFactor(words) != want {
			t.Errorf("%x: a small factor: %t", x, !want)
		}
	}
}

// TestTrialDivisionFinds each prime in a multiple of it.
func TestTrialDivisionFinds(t *testing.T) {
	large := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 521), big.NewInt(1))
	for p := int64(3); p < trialLimit; p += 2 {
		if !big.NewInt(p).ProbablyPrime(0) {
			continue
		}
		x := new(big.Int).Mul(large, big.NewInt(p))
		words := make([]uint64, 10)
		toWords(words, x.Bytes())
		if !hasSmallFactor(words) {
			t.Errorf("%d is not found", p)
		}
	}
}

// arnault is a Carmichael number that is a strong pseudoprime to all prime bases
// below 307 (F. Arnault, 1995), of 1317 bits.
func arnault() *big.Int {
	one := big.NewInt(1)
	p, _ := new(big.Int).SetString("2967449566868551055015417464290533273077199179985304335099507553127683875317177019959423859642812118803366475421834556249316878"+"2883", 10)
	n := new(big.Int).Set(p)
	p.Sub(p, one)
	for _, f := range []int64{313, 353} {
		n.Mul(n, new(big.Int).Add(new(big.Int).Mul(p, big.NewInt(f)), one))
	}
	return n
}

// TestCompositesOfSpecialForm: Carmichael numbers, strong pseudoprimes to the smallest
// bases, squares and products of primes of equal length do not pass for primes.
func TestCompositesOfSpecialForm(t *testing.T) {
	numbers := []*big.Int{arnault()}
	half := new(big.Int).Rsh(numbers[0], 1)
	if y := half.Exp(big.NewInt(2), half, numbers[0]); y.Cmp(big.NewInt(1)) != 0 && y.Add(y, big.NewInt(1)).Cmp(numbers[0]) != 0 {
		t.Fatal("Arnault's number is no Euler pseudoprime to 2")
	}
	for _, s := range []string{
		"561", "1729", "294409", "56052361", "118901521", "172947529", // Carmichael
		"2047", "1373653", "25326001", "3215031751", "2152302898747", "3474749660383", "341550071728321",
		"3825123056546413051", "318665857834031151167461", "3317044064679887385961981", // psi_1, psi_2 ... psi_13
	} {
		n, _ := new(big.Int).SetString(s, 10)
		numbers = append(numbers, n)
	}
	p, q := near{607, -1}.prime(), near{521, -1}.prime()
	numbers = append(numbers, new(big.Int).Mul(p, q), new(big.Int).Mul(p, p), new(big.Int).Mul(q, q))
	for name, kernels := range allKernels() {
		for _, n := range numbers {
			s := &primeSearch{test: newPrimality(kernelFor(kernels, wide, n.BitLen()), steady(1), n.BitLen())}
			if name == "generic" && n.BitLen() > 100 {
				continue // it is slow
			}
			if is, err := s.confirm(n.Bytes()); err != nil || is {
				t.Errorf("%s: %v passes for a prime: %v", name, n, err)
			}
		}
	}
}

// TestPrimality has eight different numbers in the lanes, primes and others of the
// same length.
func TestPrimality(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(13, 14))
	forEachWide(t, func(t *testing.T, k *kernel, _ []kernel) {
		for _, bits := range []int{16, 52, 53, 65, 104, 127, 512, 521, 1036} {
			if bits > 65 && k.name == "generic" {
				continue // it is slow
			}
			test := newPrimality(k, steady(2), bits)
			for range 6 {
				var w [wide][]byte
				var want [wide]bool
				for l := range w {
					x := oddOf(edgy(r, bits), bits)
					if l%2 == 0 && bits < 512 {
						for !x.ProbablyPrime(0) {
							if x.Add(x, big.NewInt(2)); x.BitLen() > bits {
								x.SetBit(x.SetInt64(1), bits-1, 1)
							}
						}
					}
					w[l], want[l] = x.Bytes(), x.ProbablyPrime(0)
				}
				if bits == 521 {
					w[3], want[3] = near{521, -1}.prime().Bytes(), true
				}
				checkRounds(t, test, &w, want)
			}
		}
	})
}

// checkRounds: a prime passes every round, another number fails one of twenty.
func checkRounds(t *testing.T, test *primality, w *[wide][]byte, want [wide]bool) {
	t.Helper()
	passed := [wide]bool{true, true, true, true, true, true, true, true}
	rounds := 20
	if test.bits > 200 {
		rounds = 2
	}
	for range rounds {
		prime, err := test.round(w)
		if err != nil {
			t.Fatal(err)
		}
		for l := range passed {
			passed[l] = passed[l] && prime[l]
		}
	}
	if passed != want {
		t.Errorf("%d bits, %x: %t, want %t", test.bits, *w, passed, want)
	}
}

// TestOddPart takes w-1 apart.
func TestOddPart(t *testing.T) {
	for _, twos := range []uint{1, 2, 7, 8, 9, 15, 16, 17, 63} {
		for _, odd := range []int64{1, 3, 0x1ff, 0x123456789abcdef} {
			x := new(big.Int).Lsh(big.NewInt(odd), twos)
			got, n := oddPart(x.Add(x, big.NewInt(1)).Bytes())
			if n != int(twos) || new(big.Int).SetBytes(got).Int64() != odd {
				t.Errorf("%d times 2^%d: %x, %d", odd, twos, got, n)
			}
		}
	}
}

func TestBelow(t *testing.T) {
	for range 1000 {
		x, y := make([]byte, 3), make([]byte, 3)
		for i := range x {
			x[i], y[i] = byte(mathrand.IntN(3)), byte(mathrand.IntN(3))
		}
		if below(x, y) != (bytes.Compare(x, y) < 0) {
			t.Errorf("%x below %x", x, y)
		}
	}
}

// TestGenerateKey makes keys of usual and of odd lengths, and holds them to
// FIPS 186-5, appendix A.1, with math/big.
func TestGenerateKey(t *testing.T) {
	forEachWide(t, func(t *testing.T, _ *kernel, kernels []kernel) {
		sizes := []int{1024, 1024, 1024, 1026, 1038, 2048, 2048, 2050, 3072, 4096}
		if kernels[0].name == "generic" {
			sizes = []int{1024} // it is slow
		}
		for _, bits := range sizes {
			key, err := generateKey(kernels, kernelFor(kernels, wide, bits/2), rand.Reader, bits)
			if err != nil {
				t.Fatal(err)
			}
			checkKey(t, key, bits)
		}
	})
}

func checkKey(t *testing.T, k *rsa.PrivateKey, bits int) {
	t.Helper()
	one, p, q := big.NewInt(1), k.Primes[0], k.Primes[1]
	pm, qm := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	lambda := new(big.Int).Mul(pm, qm)
	lambda.Quo(lambda, new(big.Int).GCD(nil, nil, pm, qm))
	de := new(big.Int).Mul(k.D, big.NewInt(65537))
	distance := new(big.Int).Sub(p, q)
	for name, ok := range map[string]bool{
		"length":         k.N.BitLen() == bits && p.BitLen() == bits/2 && q.BitLen() == bits/2,
		"second bit":     p.Bit(bits/2-2) == 1 && q.Bit(bits/2-2) == 1,
		"modulus":        new(big.Int).Mul(p, q).Cmp(k.N) == 0,
		"primes":         p.ProbablyPrime(20) && q.ProbablyPrime(20),
		"e":              k.E == 65537,
		"d":              de.Mod(de, lambda).Cmp(one) == 0 && k.D.Cmp(lambda) < 0 && k.D.BitLen() > bits/2,
		"distance":       distance.Abs(distance).BitLen() > bits/2-100,
		"precomputed":    k.Precomputed.Dp != nil && k.Precomputed.Dq != nil && k.Precomputed.Qinv != nil,
		"its validation": k.Validate() == nil,
	} {
		if !ok {
			t.Errorf("a key of %d bits: %s", bits, name)
		}
	}
	raw, err := NewPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	checkPrimitives(t, k, raw, distance)
}

// TestGeneratedPrimesVary: the bits that are not set on purpose are both 0 and 1, and
// no prime comes twice.
func TestGeneratedPrimesVary(t *testing.T) {
	kernels := queueKernels()
	const bits = 256
	s := &primeSearch{test: newPrimality(kernelFor(kernels, wide, bits), rand.Reader, bits)}
	ones := make([]int, bits)
	seen := map[string]bool{}
	const n = 40
	for range n {
		p, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(p)] {
			t.Error("a prime comes twice")
		}
		seen[string(p)] = true
		for i := range ones {
			ones[i] += int(new(big.Int).SetBytes(p).Bit(i))
		}
	}
	for i, got := range ones {
		set := i == 0 || i >= bits-2
		if set != (got == n) || got == 0 {
			t.Errorf("bit %d is set in %d primes of %d", i, got, n)
		}
	}
}

// TestUnfitPrimes: primes that are too near, or that 65537 is no exponent for.
func TestUnfitPrimes(t *testing.T) {
	p, next := near{1036, -1127}.prime(), near{1036, -1259}.prime()
	if keyOfPrimes(p.Bytes(), next.Bytes(), 2072) != nil || keyOfPrimes(p.Bytes(), p.Bytes(), 2072) != nil {
		t.Error("primes next to each other make a key")
	}
	for x := new(big.Int).Lsh(big.NewInt(exponent65537), 1019); ; x.Add(x, big.NewInt(exponent65537)) {
		if w := new(big.Int).SetBit(x, 0, 1); w.ProbablyPrime(0) && new(big.Int).Mod(w, big.NewInt(exponent65537)).Int64() == 1 {
			if keyOfPrimes(p.Bytes(), w.Bytes(), 2072) != nil {
				t.Error("65537 divides p-1, and they make a key")
			}
			return
		}
	}
}

// TestGenerateSourceFails: an error of the random source comes through.
func TestGenerateSourceFails(t *testing.T) {
	kernels := queueKernels()
	broken := errors.New("broken")
	for _, n := range []int64{0, 100, 1 << 14} {
		source := io.MultiReader(io.LimitReader(rand.Reader, n), iotest.ErrReader(broken))
		if k, err := generateKey(kernels, kernelFor(kernels, wide, 1024), source, 2048); !errors.Is(err, broken) || k != nil {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// TestGenerateKeySizes has what is offered: accelerated or not, the key is one.
func TestGenerateKeySizes(t *testing.T) {
	for _, bits := range []int{1024, 2048} {
		k, err := GenerateKey(bits)
		if err != nil {
			t.Fatal(err)
		}
		checkKey(t, k, bits)
	}
	if _, err := GenerateKey(512); err == nil {
		t.Error("a key of 512 bits")
	}
}

// TestSearchLeavesNothing: what is left of a search is wiped.
func TestSearchLeavesNothing(t *testing.T) {
	kernels := queueKernels()
	s := &primeSearch{test: newPrimality(kernelFor(kernels, wide, 512), rand.Reader, 512)}
	if _, err := s.next(); err != nil {
		t.Fatal(err)
	}
	s.zero()
	for _, w := range s.candidates {
		if !allZero(w) {
			t.Error("a candidate is left behind")
		}
	}
	if slices.ContainsFunc(s.test.work, func(w uint64) bool { return w != 0 }) {
		t.Error("words are left behind")
	}
}

// TestPairwiseConsistency: a pair whose halves do not belong together fails its test.
func TestPairwiseConsistency(t *testing.T) {
	for name, kernels := range implementations() {
		t.Run(name, func(t *testing.T) {
			k, other := testKeyOf(t, 1024), testKeyOf(t, 1032)
			good := &rsa.PrivateKey{PublicKey: k.PublicKey, D: k.D, Primes: k.Primes}
			if err := checkGenerated(good, kernels); err != nil {
				t.Error(err)
			}
			for what, bad := range map[string]*rsa.PrivateKey{
				"another modulus":  {PublicKey: rsa.PublicKey{N: other.N, E: k.E}, D: k.D, Primes: k.Primes},
				"another exponent": {PublicKey: k.PublicKey, D: new(big.Int).Add(k.D, big.NewInt(2)), Primes: k.Primes},
				"another prime":    {PublicKey: k.PublicKey, D: k.D, Primes: []*big.Int{k.Primes[0], other.Primes[1]}},
			} {
				if checkGenerated(bad, kernels) == nil {
					t.Errorf("%s: passes", what)
				}
			}
		})
	}
}
