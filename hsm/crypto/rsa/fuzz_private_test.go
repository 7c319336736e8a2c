package rsa

import (
	"bytes"
	"crypto/rsa"
	"math/big"
	"slices"
	"testing"
)

// checkDecrypted compares the result of a private operation with c^d by way of math/big's
// public operation: there is just one number below n that c is the power of.
func checkDecrypted(t *testing.T, path string, key *rsa.PrivateKey, c *big.Int, got []byte, err error) {
	t.Helper()
	m := new(big.Int).SetBytes(got)
	if err != nil || len(got) != key.Size() || m.Cmp(key.N) >= 0 ||
		m.Exp(m, big.NewInt(int64(key.E)), key.N).Cmp(c) != 0 {
		t.Errorf("%s, n = %x: %x to the power of d is %x, %v", path, key.N, c, got, err)
	}
}

// fuzzKeys are keys of every class of size, of primes of unequal lengths too, and one that
// no kernel is long enough for.
func fuzzKeys(f *testing.F) (keys []*rsa.PrivateKey) {
	for _, bits := range []int{2048, 3072, 4096} {
		keys = append(keys, testKeyOf(f, bits))
	}
	for _, primes := range [][2]near{
		{{1036, -1127}, {1036, 3363}}, {{1556, 11}, {1556, -245}}, {{2076, -465}, {2076, 911}},
		{{521, -1}, {607, -1}}, {{1279, -1}, {127, -1}}, {{127, -1}, {2076, -465}}, {{2203, -1}, {607, -1}},
	} {
		keys = append(keys, keyOf(f, primes[0].prime(), primes[1].prime()))
	}
	return keys
}

// FuzzDecrypt compares private operations on every path with math/big.
func FuzzDecrypt(f *testing.F) {
	keys := fuzzKeys(f)
	prepared := make([]map[string]*PrivateKey, len(keys))
	for i, key := range keys {
		prepared[i] = map[string]*PrivateKey{}
		for name, kernels := range implementations() {
			if name == "generic" { // it is slow: FuzzKeys has it
				continue
			}
			k, err := newPrivateKey(key, kernels)
			if err != nil {
				f.Fatal(err)
			}
			prepared[i][name] = k
		}
		f.Add(uint8(i), key.Primes[0].Bytes())
		f.Add(uint8(i), new(big.Int).Sub(key.N, big.NewInt(1)).Bytes())
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		i := int(which) % len(keys)
		c := new(big.Int).SetBytes(data)
		c.Mod(c, keys[i].N)
		for name, k := range prepared[i] {
			got, err := k.Decrypt(c.Bytes())
			checkDecrypted(t, name, keys[i], c, got, err)
		}
	})
}

// FuzzKeys has other keys each time, on every path: the primes are the next ones to numbers
// of any length that are cut from data, as is the number.
func FuzzKeys(f *testing.F) {
	f.Add(uint16(350), uint16(350), uint8(2), []byte{0xff, 0x5a, 0, 0, 0x13})
	f.Add(uint16(6), uint16(399), uint8(0), []byte{0})
	f.Fuzz(func(t *testing.T, lengthP, lengthQ uint16, exponent uint8, data []byte) {
		e := []int{3, 17, 65537, 1<<31 - 1}[exponent%4]
		p := primeFrom(data, 34+int(lengthP)%400, e)
		data = append(bytes.Clone(data), 1)
		slices.Reverse(data) // with the same first bytes, p and q would be near to each other
		q := primeFrom(data, 34+int(lengthQ)%400, e)
		if p.Cmp(q) == 0 {
			return
		}
		key := keyFor(p, q, e)
		c := numbers(data, key.N.BitLen())()
		c.Mod(c, key.N)
		for name, kernels := range implementations() {
			k, err := newPrivateKey(key, kernels)
			if err != nil {
				t.Fatal(err)
			}
			got, err := k.Decrypt(c.Bytes())
			checkDecrypted(t, name, key, c, got, err)
		}
	})
}

// primeFrom is the first prime p from a number of so many bits on for which e, a prime, does
// not divide p-1.
func primeFrom(data []byte, bits, e int) *big.Int {
	p := moduli(1, bits, numbers(data, bits))[0]
	for new(big.Int).Mod(p, big.NewInt(int64(e))).Int64() == 1 || !p.ProbablyPrime(0) {
		p.Add(p, big.NewInt(2))
	}
	return p
}

// FuzzBatch compares the operations of a batch, of different keys of one of the sizes, with
// math/big. The numbers are cut from data, as many as there are and at most four.
func FuzzBatch(f *testing.F) {
	kernels := queueKernels()
	keys, fast := make([][3]*rsa.PrivateKey, len(batchPrimes)), make([][3]*crtKey, len(batchPrimes))
	for i, primes := range batchPrimes {
		keys[i] = batchKeys(f, primes)
		for j, k := range keys[i] {
			fast[i][j] = prepared(f, k, kernels)
		}
		f.Add(uint8(i), uint8(27), []byte{0xff, 0, 1})
	}
	f.Fuzz(func(t *testing.T, size, which uint8, data []byte) {
		i := int(size) % len(keys)
		var ops []*operation
		var whose []*rsa.PrivateKey
		for len(ops) < batchSize && (len(ops) == 0 || len(data) > 0) {
			k := fast[i][which%3]
			n := min(len(data), k.size-1) // below n
			ops, whose = append(ops, newOperation(k, data[:n])), append(whose, keys[i][which%3])
			data, which = data[n:], which/3
		}
		fast[i][0].scheduler.(*queue).batcher.run(ops)
		for l, op := range ops {
			got, err := op.result(nil)
			checkDecrypted(t, "in a batch", whose[l], new(big.Int).SetBytes(op.c), got, err)
		}
	})
}
