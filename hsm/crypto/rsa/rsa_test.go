package rsa

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/fips"
)

// testKeys are the keys that testKeyOf has made.
var testKeys sync.Map

// testKeyOf returns a key of so many bits, one for all tests.
func testKeyOf(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	if k, ok := testKeys.Load(bits); ok {
		return k.(*rsa.PrivateKey)
	}
	var k *rsa.PrivateKey
	if bits >= 2048 { // these take long to make
		file := fmt.Sprintf("rsa_pkcs1_%d_sig_gen_test.json", bits)
		k = readKey(t, readVectors(t, file).TestGroups[0].PrivateKeyPkcs8)
	} else {
		var err error
		if k, err = rsa.GenerateKey(rand.Reader, bits); err != nil {
			t.Fatal(err)
		}
	}
	testKeys.Store(bits, k)
	return k
}

// generate makes a key of so many bits, in both forms.
func generate(t *testing.T, bits int) (*rsa.PrivateKey, *PrivateKey) {
	t.Helper()
	k := testKeyOf(t, bits)
	raw, err := NewPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return k, raw
}

func TestSelfTest(t *testing.T) {
	if err := fips.RunAll(); err != nil {
		t.Fatal(err)
	}
}

// implementations are the kernels of every path, none for the portable one.
func implementations() map[string][]kernel {
	all := allKernels()
	if k := assemblyKernels(); k != nil { // the twin in batches takes long: TestBatch has it
		all["avx512ifma in batches"] = inBatches(k)
	}
	all["portable"] = nil
	return all
}

// forEachImplementation runs a test with a key on every path.
func forEachImplementation(t *testing.T, k *rsa.PrivateKey, f func(*testing.T, *PrivateKey)) {
	for name, kernels := range implementations() {
		t.Run(name, func(t *testing.T) {
			raw, err := newPrivateKey(k, kernels)
			if err != nil {
				t.Fatal(err)
			}
			if raw.Accelerated() != (kernels != nil) {
				t.Fatal("another path")
			}
			f(t, raw)
		})
	}
}

// TestPrimitives compares both primitives with math/big, on moduli of odd
// lengths too.
func TestPrimitives(t *testing.T) {
	for _, bits := range []int{1024, 1025, 1031, 1032, 2048, 3072, 4096} {
		k := testKeyOf(t, bits)
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			forEachImplementation(t, k, func(t *testing.T, raw *PrivateKey) {
				for range 4 {
					m, err := rand.Int(rand.Reader, k.N)
					if err != nil {
						t.Fatal(err)
					}
					checkPrimitives(t, k, raw, m)
				}
			})
		})
	}
}

func checkPrimitives(t *testing.T, k *rsa.PrivateKey, raw *PrivateKey, m *big.Int) {
	t.Helper()
	c, err := raw.Encrypt(m.Bytes())
	want := new(big.Int).Exp(m, big.NewInt(int64(k.E)), k.N)
	if err != nil || !bytes.Equal(c, want.FillBytes(make([]byte, k.Size()))) {
		t.Fatalf("m^e of %x: %v", m, err)
	}
	back, err := raw.Decrypt(c)
	if err != nil || !bytes.Equal(back, m.FillBytes(make([]byte, k.Size()))) {
		t.Fatalf("c^d of %x: %v", c, err)
	}
}

// TestSpecialNumbers has those that are next to multiples of the primes, or made
// of digits of zeros and ones.
func TestSpecialNumbers(t *testing.T) {
	k := testKeyOf(t, 2048)
	one := big.NewInt(1)
	var numbers []*big.Int
	for _, x := range []*big.Int{k.Primes[0], k.Primes[1], k.N, new(big.Int).Lsh(one, 1040), new(big.Int).Lsh(one, 2040)} {
		numbers = append(numbers, x, new(big.Int).Sub(x, one), new(big.Int).Add(x, one), new(big.Int).Sub(k.N, x))
	}
	r := mathrand.New(mathrand.NewPCG(7, 8))
	for range 10 {
		numbers = append(numbers, edgy(r, 2048))
	}
	forEachImplementation(t, k, func(t *testing.T, raw *PrivateKey) {
		for _, m := range numbers {
			checkPrimitives(t, k, raw, new(big.Int).Mod(m, k.N))
		}
	})
}

// TestUnequalPrimes has keys whose primes differ in length, in both orders, and
// other public exponents.
func TestUnequalPrimes(t *testing.T) {
	for i, lengths := range [][2]int{{600, 424}, {424, 600}, {300, 1040}, {1036, 400}, {512, 511}} {
		e := []int{3, 65539, 1<<31 - 1}[i%3]
		k := unequalKey(t, lengths[0], lengths[1], e)
		t.Run(fmt.Sprint(lengths, e), func(t *testing.T) {
			forEachImplementation(t, k, func(t *testing.T, raw *PrivateKey) {
				for _, m := range []*big.Int{k.Primes[0], k.Primes[1], new(big.Int).Sub(k.N, big.NewInt(2))} {
					checkPrimitives(t, k, raw, m)
				}
			})
		})
	}
}

// unequalKey makes a key of primes of such lengths.
func unequalKey(t *testing.T, lengthP, lengthQ, e int) *rsa.PrivateKey {
	t.Helper()
	for range 1000 {
		p, err := rand.Prime(rand.Reader, lengthP)
		if err != nil {
			t.Fatal(err)
		}
		q, err := rand.Prime(rand.Reader, lengthQ)
		if err != nil {
			t.Fatal(err)
		}
		if k := keyFor(p, q, e); k != nil {
			return k
		}
	}
	t.Fatal("no key found")
	return nil
}

// TestEdges has the numbers at the ends of the range, which are their own powers,
// and those past it.
func TestEdges(t *testing.T) {
	k, raw := generate(t, 1024)
	one := big.NewInt(1)
	for _, m := range []*big.Int{new(big.Int), one, new(big.Int).Sub(k.N, one)} {
		want := m.FillBytes(make([]byte, k.Size()))
		for name, f := range map[string]func([]byte) ([]byte, error){"public": raw.Encrypt, "private": raw.Decrypt} {
			for _, in := range [][]byte{m.Bytes(), want} {
				if got, err := f(in); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s, %d bytes: %v", name, len(in), err)
				}
			}
		}
	}
	for _, m := range []*big.Int{k.N, new(big.Int).Add(k.N, one), new(big.Int).Lsh(one, 2000)} {
		if _, err := raw.Encrypt(m.Bytes()); !errors.Is(err, ErrRange) {
			t.Errorf("public, %d bits: %v", m.BitLen(), err)
		}
		if _, err := raw.Decrypt(m.Bytes()); !errors.Is(err, ErrRange) {
			t.Errorf("private, %d bits: %v", m.BitLen(), err)
		}
	}
}

// TestFault makes each part of the computation go wrong; nothing may leave.
func TestFault(t *testing.T) {
	damages := map[string]func(*portableKey){
		"dP":   func(k *portableKey) { k.dP[len(k.dP)-1] ^= 2 },
		"dQ":   func(k *portableKey) { k.dQ[len(k.dQ)-1] ^= 2 },
		"qInv": func(k *portableKey) { k.qInv.Add(k.qInv, k.p) },
		"e":    func(k *portableKey) { k.pub.e = 3 },
		"Zero": func(k *portableKey) { k.zero() },
	}
	key := testKeyOf(t, 2048)
	in := bytes.Repeat([]byte{42}, 200)
	for name, kernels := range implementations() {
		fresh := func() *PrivateKey {
			raw, err := newPrivateKey(key, kernels)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
		refuses := func(damage string, raw *PrivateKey) {
			if out, err := raw.Decrypt(in); !errors.Is(err, errFault) || out != nil {
				t.Errorf("%s, %s: %v", name, damage, err)
			}
		}
		if kernels == nil {
			for damage, do := range damages {
				raw := fresh()
				do(raw.private.(*portableKey))
				refuses(damage, raw)
			}
			continue
		}
		for damage, do := range fastDamages {
			raw := fresh()
			do(raw.private.(*crtKey))
			refuses(damage, raw)
		}
	}
}

// fastDamages are ways in which keys of the accelerated path go wrong.
var fastDamages = map[string]func(*crtKey){
	"dP":      func(k *crtKey) { k.e[len(k.e)-2] ^= 2; k.wideE[len(k.wideE)-2] ^= 2 },
	"dQ":      func(k *crtKey) { k.e[len(k.e)-1] ^= 2; k.wideE[len(k.wideE)-1] ^= 2 },
	"qInv":    func(k *crtKey) { k.qInv[0] ^= 1 },
	"q":       func(k *crtKey) { k.q[1] ^= 1 },
	"modulus": func(k *crtKey) { k.m[2] ^= 1 << 20 },
	"R^2":     func(k *crtKey) { k.rr[3] ^= 1 },
	"R^3":     func(k *crtKey) { k.rrr[4] ^= 1 },
	"1":       func(k *crtKey) { k.one[0] ^= 1; clear(k.e[:2]); clear(k.wideE[:2]) },
	"e":       func(k *crtKey) { k.public.e = 3 },
	"Zero":    func(k *crtKey) { k.zero() },
}

// TestConcurrent has many threads use one key and the scratch memory they share.
func TestConcurrent(t *testing.T) {
	_, raw := generate(t, 2048)
	var group sync.WaitGroup
	for i := range byte(8) {
		group.Go(func() {
			m := append(bytes.Repeat([]byte{i}, 255), 1)
			m[0] = 0
			for range 20 {
				c, err := raw.Encrypt(m)
				if err != nil {
					t.Error(err)
				}
				if back, err := raw.Decrypt(c); err != nil || !bytes.Equal(back, m) {
					t.Errorf("thread %d: %v", i, err)
				}
			}
		})
	}
	group.Wait()
}

func TestKeysRefused(t *testing.T) {
	k, _ := generate(t, 1024)
	even := new(big.Int).Lsh(big.NewInt(1), 1023)
	for name, pub := range map[string]*rsa.PublicKey{
		"even modulus":  {N: even, E: 3},
		"no modulus":    {N: new(big.Int), E: 3},
		"even exponent": {N: k.N, E: 4},
		"exponent 1":    {N: k.N, E: 1},
		"negative":      {N: k.N, E: -3},
	} {
		if _, err := NewPublicKey(pub); err != ErrKey {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, priv := range map[string]*rsa.PrivateKey{
		"not precomputed": {PublicKey: k.PublicKey, D: k.D, Primes: k.Primes},
		"no primes":       {PublicKey: k.PublicKey, D: k.D, Precomputed: k.Precomputed},
		"bad public half": {PublicKey: rsa.PublicKey{N: even, E: 3}, D: k.D, Primes: k.Primes, Precomputed: k.Precomputed},
	} {
		if _, err := NewPrivateKey(priv); err != ErrKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}
