package rsa

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/coffer-hsm/coffer/fips"
)

// generate makes a key of so many bits, in both forms.
func generate(t *testing.T, bits int) (*rsa.PrivateKey, *PrivateKey) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
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

// TestPrimitives compares both primitives with math/big, on moduli of odd
// lengths too.
func TestPrimitives(t *testing.T) {
	for _, bits := range []int{1024, 1025, 1031, 1032, 2048} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			k, raw := generate(t, bits)
			for range 8 {
				m, err := rand.Int(rand.Reader, k.N)
				if err != nil {
					t.Fatal(err)
				}
				c, err := raw.Encrypt(m.Bytes())
				want := new(big.Int).Exp(m, big.NewInt(int64(k.E)), k.N)
				if err != nil || !bytes.Equal(c, want.FillBytes(make([]byte, k.Size()))) {
					t.Fatalf("m^e: %v", err)
				}
				back, err := raw.Decrypt(c)
				if err != nil || !bytes.Equal(back, m.FillBytes(make([]byte, k.Size()))) {
					t.Fatalf("c^d: %v", err)
				}
			}
		})
	}
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
	for name, damage := range map[string]func(*PrivateKey){
		"dP":   func(k *PrivateKey) { k.dP[len(k.dP)-1] ^= 2 },
		"dQ":   func(k *PrivateKey) { k.dQ[len(k.dQ)-1] ^= 2 },
		"qInv": func(k *PrivateKey) { k.qInv.Add(k.qInv, k.p) },
		"e":    func(k *PrivateKey) { k.e = 3 },
		"Zero": func(k *PrivateKey) { k.Zero() },
	} {
		_, raw := generate(t, 1024)
		damage(raw)
		if out, err := raw.Decrypt([]byte{42}); !errors.Is(err, errFault) || out != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
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
