package service

import (
	"bytes"
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	rawrsa "github.com/coffer-hsm/coffer/hsm/crypto/rsa"
)

// rsaFaults damage a private key after it was found good, as a fault of the
// machine would, on each path there is.
var rsaFaults = map[string]func(*testing.T, *rsaPrivateKey){
	// What this module computes with is gone: the result fails its check.
	"prepared key": func(t *testing.T, k *rsaPrivateKey) {
		raw, err := k.bare()
		if err != nil {
			t.Fatal(err)
		}
		raw.Zero()
	},
	// There is no accelerated key, and crypto/rsa finds that the values do not
	// belong together.
	"private key": func(_ *testing.T, k *rsaPrivateKey) {
		k.Primes[0] = new(big.Int).Add(k.Primes[0], big.NewInt(2))
		k.Precomputed = rsa.PrecomputedValues{}
	},
}

// A fault is not an answer about the ciphertext.
func TestRSAFaults(t *testing.T) {
	oaep := asymmetricParam(mechanism(t, ck.CKM_RSA_PKCS_OAEP))
	for name, damage := range rsaFaults {
		for _, m := range []*ck.Mechanism{{Type: ck.CKM_RSA_PKCS}, {Type: ck.CKM_RSA_PKCS_OAEP, Param: oaep}, {Type: ck.CKM_RSA_X_509}} {
			if name == "prepared key" && m.Type != ck.CKM_RSA_X_509 && !rawrsa.Accelerated() {
				continue // crypto/rsa computes this, and not with what is damaged
			}
			_, good := rsaPair()
			k := &Key{attr: good.attr} // parsed anew
			priv, err := parsedAs[*rsaPrivateKey](k)
			if err != nil {
				t.Fatal(err)
			}
			damage(t, priv)
			reg := mechanism(t, m.Type)
			op, err := reg.Decrypt(k, m)
			if err != nil {
				t.Fatal(err)
			}
			in := append([]byte{0}, bytes.Repeat([]byte{0x5a}, priv.Size()-1)...)
			if _, err := op.OneShot(make([]byte, priv.Size()), in); ck.Code(err) != ck.CKR_DEVICE_ERROR {
				t.Errorf("%v, damaged %s: %v", m.Type, name, err)
			}
			if _, err := reg.Unwrap(k, m, in); ck.Code(err) != ck.CKR_DEVICE_ERROR {
				t.Errorf("%v, damaged %s, unwrapping: %v", m.Type, name, err)
			}
		}
	}
}

// A number that is not below the modulus is no ciphertext (RFC 8017, section 5.1.2).
func TestRSACiphertextRange(t *testing.T) {
	_, k := rsaPair()
	priv, err := parsedAs[*rsaPrivateKey](k)
	if err != nil {
		t.Fatal(err)
	}
	oaep := asymmetricParam(mechanism(t, ck.CKM_RSA_PKCS_OAEP))
	for _, m := range []*ck.Mechanism{{Type: ck.CKM_RSA_PKCS}, {Type: ck.CKM_RSA_PKCS_OAEP, Param: oaep}, {Type: ck.CKM_RSA_X_509}} {
		for in, want := range map[*big.Int]ck.RV{
			priv.N:                                  ck.CKR_ENCRYPTED_DATA_INVALID,
			new(big.Int).Lsh(priv.N, 8):             ck.CKR_ENCRYPTED_DATA_LEN_RANGE,
			new(big.Int).Rsh(priv.N, 8):             ck.CKR_ENCRYPTED_DATA_LEN_RANGE,
			new(big.Int).Add(priv.N, big.NewInt(1)): ck.CKR_ENCRYPTED_DATA_INVALID,
		} {
			op, err := mechanism(t, m.Type).Decrypt(k, m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := op.OneShot(make([]byte, priv.Size()), in.Bytes()); ck.Code(err) != want {
				t.Errorf("%v of %d bits: %v, want %v", m.Type, in.BitLen(), err, want)
			}
		}
	}
}
