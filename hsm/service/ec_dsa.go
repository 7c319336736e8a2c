package service

import (
	"crypto/ecdsa"
	"crypto/rand"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// How curves and points may be given and are told, as CK_MECHANISM_INFO has it.
const (
	ecFlags         = ck.CKF_EC_F_P | ck.CKF_EC_OID | ck.CKF_EC_ECPARAMETERS | ck.CKF_EC_CURVENAME | ck.CKF_EC_UNCOMPRESS | ck.CKF_EC_COMPRESS
	curve25519Flags = ck.CKF_EC_F_P | ck.CKF_EC_OID | ck.CKF_EC_CURVENAME
)

// ecMechanism is a row for a mechanism of the curves over prime fields; sizes
// are bits of the field.
func ecMechanism(t ck.MechanismType) Mechanism {
	return Mechanism{Type: t, Min: 224, Max: 521, Extra: ecFlags, KeyTypes: []ck.KeyType{ck.CKK_EC}}
}

func init() {
	gen := ecMechanism(ck.CKM_EC_KEY_PAIR_GEN)
	gen.KeyTypes = []ck.KeyType{ck.CKK_EC, ck.CKK_EC_EDWARDS, ck.CKK_EC_MONTGOMERY}
	gen.GenerateKeyPair = generateEC(gen.KeyTypes...)

	dsa := ecMechanism(ck.CKM_ECDSA)
	dsa.Sign, dsa.Verify = signECDSA(nil), verifyECDSA(nil)
	register(gen, dsa)

	for i := range hashes {
		if h := &hashes[i]; h.ecdsa != 0 {
			m := ecMechanism(h.ecdsa)
			m.Sign, m.Verify = signECDSA(h), verifyECDSA(h)
			register(m)
		}
	}
}

// maxDigest is the longest digest there is. CKM_ECDSA uses only as many bits of
// its data as the order of the curve has; data longer than any digest is a
// message that somebody forgot to hash, and cutting that off would sign little of it.
const maxDigest = 64

func ecdsaIntake(h *hashInfo, c *curve) intake {
	if h == nil {
		return &wholeIntake{min: 1, max: max(maxDigest, c.size)}
	}
	return hashIntake{h.new()}
}

func signECDSA(h *hashInfo) func(*Key, *ck.Mechanism) (api.Signer, error) {
	return func(k *Key, _ *ck.Mechanism) (api.Signer, error) {
		priv, err := parsedAs[*ecPrivateKey](k)
		if err != nil {
			return nil, err
		}
		size := priv.curve.size
		return &signer{ecdsaIntake(h, priv.curve), 2 * size, priv.usingOften(func(digest []byte) ([]byte, error) {
			der, err := ecdsa.SignASN1(rand.Reader, priv.ecdsa, digest)
			if err != nil {
				return nil, ck.Errorf(ck.CKR_FUNCTION_FAILED, "ECDSA: %w", err)
			}
			return concatenated(der, size)
		})}, nil
	}
}

// concatenated turns an Ecdsa-Sig-Value (RFC 3279, section 2.2.3) into the form
// of PKCS #11: r and s, each of size bytes.
func concatenated(der cryptobyte.String, size int) ([]byte, error) {
	var seq cryptobyte.String
	var r, s []byte
	if !der.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1Integer(&r) || !seq.ReadASN1Integer(&s) ||
		len(r) > size || len(s) > size {
		return nil, ck.CKR_FUNCTION_FAILED
	}
	sig := make([]byte, 2*size)
	copy(sig[size-len(r):], r)
	copy(sig[2*size-len(s):], s)
	return sig, nil
}

func verifyECDSA(h *hashInfo) func(*Key, *ck.Mechanism) (api.Verifier, error) {
	return func(k *Key, _ *ck.Mechanism) (api.Verifier, error) {
		pub, err := parsedAs[*ecPublicKey](k)
		if err != nil {
			return nil, err
		}
		size := pub.curve.size
		return &verifier{ecdsaIntake(h, pub.curve), 2 * size, func(digest, sig []byte) bool {
			r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
			return ecdsa.Verify(pub.ecdsa, digest, r, s)
		}}, nil
	}
}
