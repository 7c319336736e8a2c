package service

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"

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

// digest is the limits of the data of CKM_ECDSA.
func (c *curve) digest() wholeIntake { return wholeIntake{min: 1, max: max(maxDigest, c.size)} }

func signECDSA(h *hashInfo) func(*Key, *ck.Mechanism) (api.Signer, error) {
	way := &signing[*ecPrivateKey, struct{}]{sign: (*ecPrivateKey).signECDSA, often: true}
	return func(k *Key, _ *ck.Mechanism) (api.Signer, error) {
		priv, err := parsedAs[*ecPrivateKey](k)
		if err != nil {
			return nil, err
		}
		s := way.start(priv, &priv.wipeable, struct{}{}, 2*priv.curve.size)
		s.begin(h, priv.curve.digest())
		return s, nil
	}
}

func (k *ecPrivateKey) signECDSA(_ struct{}, dst, digest []byte) ([]byte, error) {
	der, err := ecdsa.SignASN1(rand.Reader, k.ecdsa, digest)
	if err != nil {
		return nil, ck.Errorf(ck.CKR_FUNCTION_FAILED, "ECDSA: %w", err)
	}
	return concatenated(dst, der, k.curve.size)
}

// concatenated turns an Ecdsa-Sig-Value (RFC 3279, section 2.2.3) into the form
// of PKCS #11: r and s, each of size bytes, which it appends to dst.
func concatenated(dst []byte, der cryptobyte.String, size int) ([]byte, error) {
	var seq, r, s cryptobyte.String
	if !der.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&r, asn1.INTEGER) || !seq.ReadASN1(&s, asn1.INTEGER) {
		return nil, ck.CKR_FUNCTION_FAILED
	}
	for _, n := range [2][]byte{r, s} {
		n = bytes.TrimLeft(n, "\x00")
		if len(n) > size {
			return nil, ck.CKR_FUNCTION_FAILED
		}
		dst = append(append(dst, make([]byte, size-len(n))...), n...)
	}
	return dst, nil
}

func verifyECDSA(h *hashInfo) func(*Key, *ck.Mechanism) (api.Verifier, error) {
	way := &verifying[*ecPublicKey, struct{}]{verify: (*ecPublicKey).verifyECDSA}
	return func(k *Key, _ *ck.Mechanism) (api.Verifier, error) {
		pub, err := parsedAs[*ecPublicKey](k)
		if err != nil {
			return nil, err
		}
		v := way.start(pub, struct{}{}, 2*pub.curve.size)
		v.begin(h, pub.curve.digest())
		return v, nil
	}
}

func (k *ecPublicKey) verifyECDSA(_ struct{}, digest, sig []byte) bool {
	var room [maxSigValue]byte
	return ecdsa.VerifyASN1(k.ecdsa, digest, sigValue(&room, sig))
}

// maxSigValue is the length of the longest Ecdsa-Sig-Value in bytes: with numbers of 66
// bytes (P-521), and one for the sign of those that are too large to be right.
const maxSigValue = 3 + 2*(2+1+66)

// sigValue is concatenated backwards.
func sigValue(room *[maxSigValue]byte, sig []byte) []byte {
	half := len(sig) / 2
	body := appendInteger(appendInteger(room[3:3], sig[:half]), sig[half:])
	end, n := 3+len(body), byte(len(body))
	if n < 0x80 {
		room[1], room[2] = 0x30, n
		return room[1:end]
	}
	room[0], room[1], room[2] = 0x30, 0x81, n
	return room[:end]
}

// appendInteger appends the DER of a number that is not negative.
func appendInteger(der, n []byte) []byte {
	n = bytes.TrimLeft(n, "\x00")
	if len(n) == 0 || n[0] >= 0x80 {
		return append(append(der, 2, byte(len(n)+1), 0), n...)
	}
	return append(append(der, 2, byte(len(n))), n...)
}
