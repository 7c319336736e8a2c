package service

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Key encapsulation by ECDH (section 6.3.20): the ciphertext is the public half of a pair
// that is made for it.

// ephemeralKDF checks the parameter, which has no public data here.
func ephemeralKDF(m *ck.Mechanism) (*ck.ECDH1Params, *kdf, error) {
	p := m.Param.(*ck.ECDH1Params)
	if len(p.PublicData) > 0 {
		return nil, nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	f, err := kdfOf(p)
	return p, f, err
}

func encapsulateECDH(k *Key, m *ck.Mechanism, n int, dst []byte) (int, *secret.Bytes, error) {
	pub, err := parsedAs[*ecPublicKey](k)
	if err != nil {
		return 0, nil, err
	}
	p, f, err := ephemeralKDF(m)
	if err != nil {
		return 0, nil, err
	}
	size, done, err := fits(dst, len(pub.point))
	if done {
		return size, nil, err
	}
	value, err := pub.curve.newValue()
	if err != nil {
		return 0, nil, ck.Errorf(ck.CKR_FUNCTION_FAILED, "generating a key on %s: %w", pub.curve.names[0], err)
	}
	defer clear(value)
	ephemeral, err := pub.curve.privateKey(value)
	if err != nil {
		return 0, nil, err
	}
	defer ephemeral.zero()
	s, err := ephemeral.shared(f, p, pub.point, n)
	if err != nil {
		return 0, nil, recode(err, unfitPoint)
	}
	return copy(dst, ephemeral.point), s, nil
}

// unfitPoint: a public key with which there is no secret (RFC 7748, section 6.1).
var unfitPoint = map[ck.RV]ck.RV{ck.CKR_MECHANISM_PARAM_INVALID: ck.CKR_KEY_TYPE_INCONSISTENT}

func decapsulateECDH(k *Key, m *ck.Mechanism, n int, ciphertext []byte) (*secret.Bytes, error) {
	priv, err := parsedAs[*ecPrivateKey](k)
	if err != nil {
		return nil, err
	}
	p, f, err := ephemeralKDF(m)
	if err != nil {
		return nil, err
	}
	if !priv.curve.hasLength(priv.curve.bare(ciphertext)) {
		return nil, ck.CKR_WRAPPED_KEY_LEN_RANGE
	}
	s, err := priv.shared(f, p, ciphertext, n)
	return s, recode(err, wrongCiphertext)
}

// wrongCiphertext: a ciphertext that is no point of the curve.
var wrongCiphertext = map[ck.RV]ck.RV{ck.CKR_MECHANISM_PARAM_INVALID: ck.CKR_WRAPPED_KEY_INVALID}
