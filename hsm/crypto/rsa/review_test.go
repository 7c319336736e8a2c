package rsa

import (
	"crypto/rsa"
	"math/big"
	"testing"
)

// extremes are numbers below limit at which digits, carries or comparisons are at
// an end of their range.
func extremes(limit *big.Int) []*big.Int {
	one := big.NewInt(1)
	numbers := []*big.Int{new(big.Int), big.NewInt(1), big.NewInt(digitMask), big.NewInt(digitMask + 1)}
	for _, x := range []*big.Int{limit, new(big.Int).Rsh(limit, 1), new(big.Int).Rsh(limit, 2)} {
		numbers = append(numbers, new(big.Int).Sub(x, one), new(big.Int).Sub(x, big.NewInt(2)), new(big.Int).Add(x, one))
	}
	ones := new(big.Int).Lsh(one, uint(limit.BitLen()-1))
	numbers = append(numbers, new(big.Int).Sub(ones, one), ones, new(big.Int).Sub(ones, new(big.Int).Lsh(one, digitBits)))
	for _, x := range numbers {
		x.Mod(x, limit)
	}
	return numbers
}

// TestKernelExtremes multiplies all pairs of extreme numbers modulo moduli that are
// next to powers of two: tiny, at the ends of digits, and as long as is allowed.
func TestKernelExtremes(t *testing.T) {
	forEachKernel(t, func(t *testing.T, k *kernel) {
		for _, bits := range []int{2, 52, 53, 104, digitBits * (k.digits - 1), digitBits*(k.digits-1) + 1, k.maxBits() - 1, k.maxBits()} {
			power := new(big.Int).Lsh(big.NewInt(1), uint(bits))
			for _, m := range []*big.Int{
				new(big.Int).Sub(power, big.NewInt(1)), // all ones
				new(big.Int).Add(new(big.Int).Rsh(power, 1), big.NewInt(1)),
			} {
				numbers := extremes(new(big.Int).Lsh(m, 1))
				for i, x := range numbers {
					y := numbers[(i*5+3)%len(numbers)]
					compareMul(t, k, repeated(k, m), repeated(k, x), repeated(k, y), 1+i%3)
					compareMul(t, k, repeated(k, m), repeated(k, x), repeated(k, x), 1)
				}
			}
		}
	})
}

// repeated is one copy of x for each lane.
func repeated(k *kernel, x *big.Int) []*big.Int {
	all := make([]*big.Int, k.lanes)
	for l := range all {
		all[l] = new(big.Int).Set(x)
	}
	return all
}

// TestKernelLongFactor has the other bound that kernel.mul promises: one factor
// below m, the other anything below R.
func TestKernelLongFactor(t *testing.T) {
	forEachKernel(t, func(t *testing.T, k *kernel) {
		R := new(big.Int).Lsh(big.NewInt(1), uint(digitBits*k.digits))
		m := new(big.Int).Lsh(big.NewInt(1), uint(k.maxBits()))
		m.Sub(m, big.NewInt(1))
		for _, x := range extremes(m) {
			for _, y := range extremes(R) {
				z := k.deal(repeated(k, x)...)
				k.mul(z, k.deal(repeated(k, y)...), z, k.modulusWords(repeated(k, m)...), 1)
				want := new(big.Int).Mul(x, y)
				want.Mul(want, new(big.Int).ModInverse(R, m)).Mod(want, m)
				for l := range k.lanes {
					got, proper := k.collect(z, l)
					if !proper || got.Cmp(new(big.Int).Lsh(m, 1)) >= 0 || want.Cmp(new(big.Int).Mod(got, m)) != 0 {
						t.Fatalf("x = %x, y = %x: %x, want %x", x, y, got, want)
					}
				}
			}
		}
	})
}

// TestModulus holds what is precomputed of extreme moduli against math/big.
func TestModulus(t *testing.T) {
	forEachKernel(t, func(t *testing.T, k *kernel) {
		for _, bits := range []int{2, 51, 52, 53, 1000, k.maxBits() - 1, k.maxBits()} {
			power := new(big.Int).Lsh(big.NewInt(1), uint(bits))
			for _, x := range []*big.Int{new(big.Int).Sub(power, big.NewInt(1)), new(big.Int).Add(new(big.Int).Rsh(power, 1), big.NewInt(1))} {
				numbers := repeated(k, x)
				numbers[0] = big.NewInt(3) // lanes of very different lengths
				encoded := make([][]byte, k.lanes)
				for l := range encoded {
					encoded[l] = numbers[l].Bytes()
				}
				m := newModulus(k, encoded...)
				for l, x := range numbers {
					R := new(big.Int).Lsh(big.NewInt(1), uint(digitBits*k.digits))
					one, _ := k.collect(m.one, l)
					rr, _ := k.collect(m.rr, l)
					if one.Cmp(new(big.Int).Mod(R, x)) != 0 || rr.Cmp(new(big.Int).Mod(new(big.Int).Mul(R, R), x)) != 0 {
						t.Errorf("modulus %x: R = %x, R^2 = %x", x, one, rr)
					}
				}
			}
		}
	})
}

// near is a prime of exactly bits bits: 2^at plus offset, at being one less than bits
// if offset is positive.
type near struct {
	bits, offset int
}

func (n near) prime() *big.Int {
	at := n.bits
	if n.offset > 0 {
		at--
	}
	x := new(big.Int).Lsh(big.NewInt(1), uint(at))
	return x.Add(x, big.NewInt(int64(n.offset)))
}

// TestExtremePrimes has keys whose primes are next to powers of two, and as long
// as a shape takes, or one is far shorter, in both orders; and one past all shapes.
// Those at -1 are Mersenne's.
func TestExtremePrimes(t *testing.T) {
	for _, c := range []struct {
		p, q        near
		accelerated bool
	}{
		{near{1036, -1127}, near{1036, -1259}, true}, {near{1036, -1259}, near{1036, -1127}, true},
		{near{1036, 3363}, near{1036, -1127}, true}, {near{1036, -1127}, near{1036, 3363}, true},
		{near{1556, -245}, near{1556, -545}, true}, {near{1556, 11}, near{1556, -245}, true},
		{near{2076, -465}, near{2076, -1995}, true}, {near{2076, 911}, near{2076, -465}, true},
		{near{607, -1}, near{521, -1}, true}, {near{521, -1}, near{607, -1}, true},
		{near{1279, -1}, near{127, -1}, true}, {near{127, -1}, near{2076, -465}, true},
		{near{1556, -245}, near{2076, 911}, true}, {near{2203, -1}, near{607, -1}, false},
	} {
		k := keyOf(t, c.p.prime(), c.q.prime())
		for name, kernels := range implementations() {
			raw, err := newPrivateKey(k, kernels)
			if err != nil {
				t.Fatal(err)
			}
			if raw.Accelerated() != (c.accelerated && kernels != nil) {
				t.Errorf("%d and %d bits, %s: accelerated is %t", c.p.bits, c.q.bits, name, raw.Accelerated())
			}
			numbers := extremes(k.N)
			for _, p := range k.Primes {
				numbers = append(numbers, p, new(big.Int).Sub(k.N, p), new(big.Int).Sub(p, big.NewInt(1)))
			}
			if name == "generic" {
				numbers = numbers[len(numbers)-2:] // it is slow
			}
			for _, m := range numbers {
				checkPrimitives(t, k, raw, m)
			}
		}
	}
}

// keyOf is the key of two primes.
func keyOf(t testing.TB, p, q *big.Int) *rsa.PrivateKey {
	t.Helper()
	k := keyFor(p, q, 65537)
	if k == nil {
		t.Fatal("65537 divides a prime less 1")
	}
	return k
}

// keyFor is the key of two primes and an exponent, nil if they do not go together.
func keyFor(p, q *big.Int, e int) *rsa.PrivateKey {
	one := big.NewInt(1)
	pm, qm := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: e}, Primes: []*big.Int{p, q}}
	if k.D = new(big.Int).ModInverse(big.NewInt(int64(e)), new(big.Int).Mul(pm, qm)); k.D == nil {
		return nil
	}
	k.Precomputed.Dp, k.Precomputed.Dq = new(big.Int).Mod(k.D, pm), new(big.Int).Mod(k.D, qm)
	k.Precomputed.Qinv = new(big.Int).ModInverse(q, p)
	return k
}
