package rsa

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io/fs"
	"math/big"
	"testing"

	"github.com/c2sp/wycheproof"
)

// TestPSSAgainstStandardLibrary checks both directions against crypto/rsa, with
// moduli for which the encoded message is as long as the modulus, and shorter.
func TestPSSAgainstStandardLibrary(t *testing.T) {
	digest := sha256.Sum256([]byte("message"))
	for _, bits := range []int{1024, 1025, 1026, 1032} {
		k, raw := generate(t, bits)
		for _, salt := range []int{1, 20, 32, MaxSalt(bits, sha256.Size)} {
			t.Run(fmt.Sprintf("%d bits, salt %d", bits, salt), func(t *testing.T) {
				pss := PSS{Hash: sha256.New, MGF: sha256.New, SaltLen: salt}
				opts := &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
				sig, err := pss.Sign(nil, raw, digest[:])
				if err != nil {
					t.Fatal(err)
				}
				if err := rsa.VerifyPSS(&k.PublicKey, crypto.SHA256, digest[:], sig, opts); err != nil {
					t.Error("our signature:", err)
				}
				sig, err = rsa.SignPSS(rand.Reader, k, crypto.SHA256, digest[:], opts)
				if err != nil {
					t.Fatal(err)
				}
				if err := pss.Verify(&raw.PublicKey, digest[:], sig); err != nil {
					t.Error("their signature:", err)
				}
			})
		}
	}
}

func TestPSSIndependentMGF(t *testing.T) {
	_, raw := generate(t, 1024)
	digest := sha256.Sum256([]byte("message"))
	good := PSS{Hash: sha256.New, MGF: sha1.New, SaltLen: 0}
	sig, err := good.Sign(nil, raw, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if err := good.Verify(&raw.PublicKey, digest[:], sig); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]PSS{
		"other MGF":     {Hash: sha256.New, MGF: sha256.New},
		"other salt":    {Hash: sha256.New, MGF: sha1.New, SaltLen: 1},
		"salt below 0":  {Hash: sha256.New, MGF: sha1.New, SaltLen: -1},
		"salt too long": {Hash: sha256.New, MGF: sha1.New, SaltLen: 1000},
		"other hash":    {Hash: sha512.New512_256, MGF: sha1.New},
	} {
		if err := bad.Verify(&raw.PublicKey, digest[:], sig); err != ErrVerification {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range sig {
		sig[i] ^= 1
		if good.Verify(&raw.PublicKey, digest[:], sig) == nil {
			t.Errorf("byte %d changed: accepted", i)
		}
		sig[i] ^= 1
	}
	if good.Verify(&raw.PublicKey, digest[:], sig[1:]) == nil || good.Verify(&raw.PublicKey, digest[1:], sig) == nil {
		t.Error("a wrong length was accepted")
	}
}

func TestPSSLengths(t *testing.T) {
	_, raw := generate(t, 1024)
	digest := sha512.Sum512(nil)
	// RFC 8017, section 9.1.1, step 3: 128 bytes, less 64 of hash and 2.
	if n := MaxSalt(1024, sha512.Size); n != 62 {
		t.Errorf("MaxSalt is %d", n)
	}
	for _, c := range []struct {
		salt, digest int
		want         error
	}{{62, 64, nil}, {63, 64, ErrLength}, {-1, 64, ErrLength}, {0, 63, ErrLength}, {0, 0, ErrLength}} {
		s := PSS{Hash: sha512.New, MGF: sha512.New, SaltLen: c.salt}
		if _, err := s.Sign(nil, raw, digest[:c.digest]); err != c.want {
			t.Errorf("salt %d, digest %d: %v", c.salt, c.digest, err)
		}
	}
}

// TestPSSWycheproof has the files that crypto/rsa cannot do, and one that it can.
func TestPSSWycheproof(t *testing.T) {
	for file, s := range map[string]PSS{
		"rsa_pss_2048_sha256_mgf1sha1_20_test.json":          {Hash: sha256.New, MGF: sha1.New, SaltLen: 20},
		"rsa_pss_2048_sha256_mgf1_0_test.json":               {Hash: sha256.New, MGF: sha256.New},
		"rsa_pss_2048_sha512_mgf1sha256_32_params_test.json": {Hash: sha512.New, MGF: sha256.New, SaltLen: 32},
		"rsa_pss_3072_sha256_mgf1_32_test.json":              {Hash: sha256.New, MGF: sha256.New, SaltLen: 32},
	} {
		t.Run(file, func(t *testing.T) { runWycheproof(t, file, s) })
	}
}

func runWycheproof(t *testing.T, file string, s PSS) {
	raw, err := fs.ReadFile(wycheproof.TestVectors, file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		TestGroups []struct {
			PublicKey struct{ Modulus, PublicExponent string }
			Tests     []struct {
				TcID             int
				Msg, Sig, Result string
			}
		}
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range vectors.TestGroups {
		N, _ := new(big.Int).SetString(g.PublicKey.Modulus, 16)
		e, _ := new(big.Int).SetString(g.PublicKey.PublicExponent, 16)
		pub, err := NewPublicKey(&rsa.PublicKey{N: N, E: int(e.Int64())})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range g.Tests {
			n++
			err := s.Verify(pub, sum(s.Hash(), c.Msg), decode(c.Sig))
			if (err == nil) != (c.Result == "valid") && c.Result != "acceptable" {
				t.Errorf("case %d, %s: %v", c.TcID, c.Result, err)
			}
		}
	}
	if n == 0 {
		t.Error("no cases")
	}
}

func decode(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func sum(h hash.Hash, msg string) []byte {
	h.Write(decode(msg))
	return h.Sum(nil)
}
