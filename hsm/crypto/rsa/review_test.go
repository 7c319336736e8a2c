package rsa

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"runtime"
	"sync"
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

// TestShapeEdges has keys at the ends of what a shape takes, and past it: those are
// for the portable path.
func TestShapeEdges(t *testing.T) {
	for _, c := range []struct {
		p, q        int
		accelerated bool
	}{
		{1036, 1036, true}, {1037, 1035, true}, {1036, 1039, true}, {1025, 1025, true}, {1300, 1556, true},
		{1500, 1500, true}, {1557, 1000, true}, {2070, 100, true}, {100, 2070, true}, {2077, 500, false},
	} {
		k := unequalKey(t, c.p, c.q, 65537)
		for name, kernels := range implementations() {
			raw, err := newPrivateKey(k, kernels)
			if err != nil {
				t.Fatal(err)
			}
			if raw.Accelerated() != (c.accelerated && kernels != nil) {
				t.Errorf("%d and %d bits, %s: accelerated is %t", c.p, c.q, name, raw.Accelerated())
			}
			for _, m := range extremes(k.N) {
				checkPrimitives(t, k, raw, m)
			}
		}
	}
}

// TestShared has one key at work in many goroutines, beside its own first use.
func TestShared(t *testing.T) {
	key := testKeyOf(t, 2048)
	forEachImplementation(t, key, func(t *testing.T, raw *PrivateKey) {
		var all sync.WaitGroup
		for g := range 16 {
			all.Go(func() {
				for i := range 8 {
					in := bytes.Repeat([]byte{byte(g*8 + i + 1)}, 255)
					out, err := raw.Decrypt(in)
					if err != nil {
						t.Error(err)
						return
					}
					back, err := raw.Encrypt(out)
					if err != nil || !bytes.Equal(back[1:], in) {
						t.Errorf("%d, %d: %v", g, i, err)
					}
					if i == 4 {
						runtime.GC() // empties the pools
					}
				}
			})
		}
		all.Wait()
	})
}

// TestAgainstStandardLibrary has the encodings of this package understood by
// crypto/rsa, and the other way round, with moduli of all lengths modulo 8.
func TestAgainstStandardLibrary(t *testing.T) {
	for bits := 1024; bits <= 1033; bits++ {
		k := testKeyOf(t, bits)
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			forEachImplementation(t, k, func(t *testing.T, raw *PrivateKey) {
				for n := 0; n <= k.Size()-pkcs1Overhead; n += 29 {
					m := make([]byte, n)
					rand.Read(m)
					c, err := rsa.EncryptPKCS1v15(rand.Reader, &k.PublicKey, m)
					if err != nil {
						t.Fatal(err)
					}
					if back, err := raw.DecryptPKCS1v15(c); err != nil || !bytes.Equal(back, m) {
						t.Errorf("%d bytes: %v", n, err)
					}
					sig, err := raw.SignPKCS1v15(0, m)
					if err != nil || rsa.VerifyPKCS1v15(&k.PublicKey, 0, m, sig) != nil {
						t.Errorf("signature of %d bytes: %v", n, err)
					}
				}
			})
		})
	}
}
