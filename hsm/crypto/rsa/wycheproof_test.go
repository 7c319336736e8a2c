package rsa

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/json"
	"errors"
	"hash"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
)

// vectors is what the tests of private keys need of Wycheproof's files.
type vectors struct {
	TestGroups []struct {
		PrivateKeyPkcs8, Sha, MgfSha string
		Tests                        []vectorCase
	}
}

type vectorCase struct {
	TcID                        int
	Msg, Sig, Ct, Label, Result string
}

func (c *vectorCase) judge(t *testing.T, err error) {
	t.Helper()
	if c.Result != "acceptable" && (err == nil) != (c.Result == "valid") {
		t.Errorf("case %d, %s: %v", c.TcID, c.Result, err)
	}
}

func readVectors(t testing.TB, file string) (v vectors) {
	t.Helper()
	raw, err := fs.ReadFile(wycheproof.TestVectors, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.TestGroups) == 0 {
		t.Fatalf("%s: no cases", file)
	}
	return v
}

func readKey(t testing.TB, pkcs8 string) *rsa.PrivateKey {
	t.Helper()
	k, err := x509.ParsePKCS8PrivateKey(decode(pkcs8))
	if err != nil {
		t.Fatal(err)
	}
	return k.(*rsa.PrivateKey)
}

var hashesByName = map[string]crypto.Hash{
	"SHA-1": crypto.SHA1, "SHA-224": crypto.SHA224, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512,
	"SHA-512/224": crypto.SHA512_224, "SHA-512/256": crypto.SHA512_256,
	"SHA3-224": crypto.SHA3_224, "SHA3-256": crypto.SHA3_256, "SHA3-384": crypto.SHA3_384, "SHA3-512": crypto.SHA3_512,
}

var newByName = map[string]func() hash.Hash{"SHA-1": sha1.New, "SHA-256": sha256.New, "SHA-384": sha512.New384, "SHA-512": sha512.New}

// forEachPrivateVector runs do for every case of a file, on every path; it
// returns the outcome, which is held against the case.
func forEachPrivateVector(t *testing.T, file string, do func(k *PrivateKey, sha, mgf string, c *vectorCase) (got, want []byte, err error)) {
	for _, g := range readVectors(t, file).TestGroups {
		forEachImplementation(t, readKey(t, g.PrivateKeyPkcs8), func(t *testing.T, k *PrivateKey) {
			for i := range g.Tests {
				c := &g.Tests[i]
				got, want, err := do(k, g.Sha, g.MgfSha, c)
				if err == nil && !bytes.Equal(got, want) {
					err = errors.New("another result")
				}
				c.judge(t, err)
			}
		})
	}
}

func TestSignPKCS1v15Wycheproof(t *testing.T) {
	for _, size := range []string{"1024", "1536", "2048", "3072"} {
		t.Run(size, func(t *testing.T) {
			forEachPrivateVector(t, "rsa_pkcs1_"+size+"_sig_gen_test.json", func(k *PrivateKey, sha, _ string, c *vectorCase) (got, want []byte, err error) {
				h, ok := hashesByName[sha]
				if !ok {
					t.Fatalf("no hash %q", sha)
				}
				d := h.New()
				d.Write(decode(c.Msg))
				got, err = k.SignPKCS1v15(nil, h, d.Sum(nil))
				return got, decode(c.Sig), err
			})
		})
	}
}

func TestDecryptPKCS1v15Wycheproof(t *testing.T) {
	forEachPrivateVector(t, "rsa_pkcs1_2048_test.json", func(k *PrivateKey, _, _ string, c *vectorCase) (got, want []byte, err error) {
		got, err = k.DecryptPKCS1v15(decode(c.Ct))
		return got, decode(c.Msg), err
	})
}

func TestDecryptOAEPWycheproof(t *testing.T) {
	for _, file := range []string{"rsa_oaep_2048_sha256_mgf1sha1_test.json", "rsa_oaep_2048_sha384_mgf1sha384_test.json"} {
		t.Run(file, func(t *testing.T) {
			forEachPrivateVector(t, file, func(k *PrivateKey, sha, mgf string, c *vectorCase) (got, want []byte, err error) {
				o := OAEP{Hash: newByName[sha], MGF: newByName[mgf], Label: decode(c.Label)}
				got, err = o.Decrypt(k, decode(c.Ct))
				return got, decode(c.Msg), err
			})
		})
	}
}
