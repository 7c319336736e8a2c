package rsa

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/cavp"
)

const cavpFolder = "asymmetric/RSA/FIPS_186-2/"

// cavpHash is the hash that a case names, and the digest of its message.
func cavpHash(t *testing.T, c *cavp.Case) (crypto.Hash, []byte) {
	t.Helper()
	h, ok := hashesByName[strings.Replace(c.Text("shaalg"), "SHA", "SHA-", 1)]
	if !ok {
		t.Fatalf("%s: no hash %q", c.Where, c.Text("shaalg"))
	}
	d := h.New()
	d.Write(c.Bytes("msg"))
	return h, d.Sum(nil)
}

func cavpLoad(t *testing.T, file string, cases int) []*cavp.Case {
	t.Helper()
	f, err := cavp.Load(cavpFolder+file, "s")
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Cases) != cases {
		t.Errorf("%d cases, want %d", len(f.Cases), cases)
	}
	return f.Cases
}

// TestSignCAVP makes the right ones of the signatures that NIST has for checking, with
// every kernel: their keys come with the primes, and PKCS #1 v1.5 has one signature of a
// message.
func TestSignCAVP(t *testing.T) {
	signed := 0
	for _, c := range cavpLoad(t, "SigVer15_186-3.rsp", 450) {
		if !c.Passes() {
			continue
		}
		hash, digest := cavpHash(t, c)
		forEachImplementation(t, cavpPrivate(t, c), func(t *testing.T, k *PrivateKey) {
			got, err := k.SignPKCS1v15(nil, hash, digest)
			if want := c.Number("s").FillBytes(make([]byte, k.Size())); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %x, %v", c.Where, got, err)
			}
		})
		signed++
	}
	t.Logf("%d cases of signing", signed)
	if signed == 0 {
		t.Error("none was signed")
	}
}

func cavpPrivate(t *testing.T, c *cavp.Case) *rsa.PrivateKey {
	t.Helper()
	k := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: c.Number("n"), E: int(c.Number("e").Int64())},
		D:         c.Number("d"), Primes: []*big.Int{c.Number("p"), c.Number("q")},
	}
	k.Precompute()
	if err := k.Validate(); err != nil {
		t.Fatalf("%s: %v", c.Where, err)
	}
	return k
}

// TestVerifyPSSCAVP checks signatures of PSS with every kernel: those that are for
// checking, right and wrong ones, and those that NIST had generated, with and without a
// salt.
func TestVerifyPSSCAVP(t *testing.T) {
	for _, file := range []struct {
		name        string
		cases, salt int
	}{{"SigVerPSS_186-3.rsp", 450, 10}, {"SigGenPSS_186-3.rsp", 250, 0}, {"SigGenPSS_186-2.rsp", 250, 20}} {
		cases := cavpLoad(t, file.name, file.cases)
		for name, kernels := range implementations() {
			t.Run(file.name+"/"+name, func(t *testing.T) {
				for _, c := range cases {
					hash, digest := cavpHash(t, c)
					k, err := newPublicKey(&rsa.PublicKey{N: c.Number("n"), E: int(c.Number("e").Int64())}, kernels)
					if err != nil {
						t.Fatalf("%s: %v", c.Where, err)
					}
					s := PSS{Hash: hash.New, MGF: hash.New, SaltLen: file.salt}
					if err := s.Verify(k, digest, c.Bytes("s")); (err == nil) != c.Passes() {
						t.Errorf("%s: %v", c.Where, err)
					}
				}
				t.Logf("%d cases", len(cases))
			})
		}
	}
}
