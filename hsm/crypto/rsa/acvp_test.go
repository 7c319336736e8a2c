package rsa

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/acvp"
)

// acvpHash is a hash as ACVP calls it.
func acvpHash(t *testing.T, c *acvp.Case, name string) crypto.Hash {
	t.Helper()
	h, ok := hashesByName[strings.Replace(name, "SHA2-", "SHA-", 1)]
	if !ok {
		t.Fatalf("%s: no hash %q", c, name)
	}
	return h
}

func acvpLoad(t *testing.T, key string, cases int) []*acvp.Case {
	t.Helper()
	list, err := acvp.Load(key)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != cases {
		t.Errorf("%d cases, want %d", len(list), cases)
	}
	return list
}

// TestVerifyACVP checks signatures of both kinds with every kernel.
func TestVerifyACVP(t *testing.T) {
	cases := acvpLoad(t, "RSA/sigVer", 72)
	for name, kernels := range implementations() {
		t.Run(name, func(t *testing.T) {
			for _, c := range cases {
				k, err := newPublicKey(&rsa.PublicKey{N: c.Number("n"), E: int(c.Number("e").Int64())}, kernels)
				if err != nil {
					t.Fatalf("%s: %v", c, err)
				}
				if got := acvpVerify(t, k, c); got != c.Passes() {
					t.Errorf("%s: %v", c, got)
				}
			}
			t.Logf("%d cases", len(cases))
		})
	}
}

// acvpVerify reports whether the signature of a case is one of its message.
func acvpVerify(t *testing.T, k *PublicKey, c *acvp.Case) bool {
	t.Helper()
	hash := acvpHash(t, c, c.Text("hashAlg"))
	h := hash.New()
	h.Write(c.Bytes("message"))
	digest, sig := h.Sum(nil), c.Bytes("signature")
	if c.Text("sigType") == "pss" {
		return PSS{Hash: hash.New, MGF: hash.New, SaltLen: c.Int("saltLen")}.Verify(k, digest, sig) == nil
	}
	want := make([]byte, k.Size())
	if err := encodePKCS1v15(want, hash, digest); err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	got, err := k.Encrypt(sig)
	return err == nil && bytes.Equal(got, want)
}

// TestDecryptOAEPACVP takes keys that were sent under RSA-OAEP, with every kernel.
func TestDecryptOAEPACVP(t *testing.T) {
	taken := 0
	for _, c := range acvpLoad(t, "KTS-IFC", 10) {
		if c.Text("kasRole") != "responder" {
			continue // who sends a key chooses it at random
		}
		k := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: c.Number("iutN"), E: int(c.Number("iutE").Int64())},
			D:         c.Number("iutD"), Primes: []*big.Int{c.Number("iutP"), c.Number("iutQ")},
		}
		k.Precompute()
		hash := acvpHash(t, c, c.Object("ktsConfiguration").Text("hashAlg"))
		forEachImplementation(t, k, func(t *testing.T, k *PrivateKey) {
			got, err := OAEP{Hash: hash.New, MGF: hash.New}.Decrypt(k, c.Bytes("serverC"))
			if err != nil || !bytes.Equal(got, c.Bytes("dkm")) {
				t.Errorf("%s: %x, %v", c, got, err)
			}
		})
		taken++
	}
	t.Logf("%d cases", taken)
	if taken == 0 {
		t.Error("no key was taken")
	}
}
