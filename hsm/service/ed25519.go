package service

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// curve25519Mechanism is a row for a mechanism of Ed25519 or X25519.
func curve25519Mechanism(t ck.MechanismType, kt ck.KeyType) Mechanism {
	return Mechanism{Type: t, Min: 255, Max: 255, Extra: curve25519Flags, KeyTypes: []ck.KeyType{kt}}
}

func init() {
	ed := curve25519Mechanism(ck.CKM_EC_EDWARDS_KEY_PAIR_GEN, ck.CKK_EC_EDWARDS)
	ed.GenerateKeyPair = generateEC(ck.CKK_EC_EDWARDS)

	x := curve25519Mechanism(ck.CKM_EC_MONTGOMERY_KEY_PAIR_GEN, ck.CKK_EC_MONTGOMERY)
	x.GenerateKeyPair = generateEC(ck.CKK_EC_MONTGOMERY)

	dsa := curve25519Mechanism(ck.CKM_EDDSA, ck.CKK_EC_EDWARDS)
	dsa.Param, dsa.Sign, dsa.Verify = ck.ParamEdDSA, signEdDSA, verifyEdDSA
	register(ed, x, dsa)
}

// edOptions turns the parameter into that of crypto/ed25519: Ed25519 without a
// parameter, Ed25519ctx or Ed25519ph with one (RFC 8032, section 5.1). An empty
// context is the same as none, which section 8.3 advises against signing with.
//
// The hash is nil unless it is Ed25519ph.
func edOptions(m *ck.Mechanism) (*ed25519.Options, *hashInfo, error) {
	p, _ := m.Param.(*ck.EdDSAParams)
	if p == nil {
		return &edPure, nil, nil
	}
	if len(p.Context) > 255 {
		return nil, nil, ck.CKR_MECHANISM_PARAM_INVALID
	}
	opts := &ed25519.Options{Context: string(p.Context)}
	if !p.PreHash {
		return opts, nil, nil
	}
	opts.Hash = crypto.SHA512
	h, _ := hashByMechanism(ck.CKM_SHA512)
	return opts, h, nil
}

var edPure ed25519.Options // it is not changed

// isEdwardsPoint reports whether 32 bytes are a point on edwards25519 (RFC 8032, section
// 5.1.3; FIPS 186-5 has public keys checked so). The standard library has no function for
// it, but it reads the key before it looks at the signature: what it says of one that is
// none is not what it says of the base point.
func isEdwardsPoint(point []byte) bool { return emptyVerdict(point) == ofBasePoint() }

// emptyVerdict is why no signature at all is refused with a key.
func emptyVerdict(point []byte) string {
	if err := ed25519.VerifyWithOptions(point, nil, nil, &ed25519.Options{}); err != nil {
		return err.Error()
	}
	return ""
}

// ofBasePoint is the verdict with B (RFC 8032, section 5.1): its y is 4/5.
var ofBasePoint = sync.OnceValue(func() string {
	b := bytes.Repeat([]byte{0x66}, ed25519.PublicKeySize)
	b[0] = 0x58
	return emptyVerdict(b)
})

func signEdDSA(k *Key, m *ck.Mechanism) (api.Signer, error) {
	priv, err := parsedAs[*ecPrivateKey](k)
	if err != nil {
		return nil, err
	}
	opts, h, err := edOptions(m)
	if err != nil {
		return nil, err
	}
	s := edSigning.start(priv, &priv.wipeable, opts, ed25519.SignatureSize)
	s.begin(h, wholeIntake{})
	return s, nil
}

var edSigning = signing[*ecPrivateKey, *ed25519.Options]{sign: (*ecPrivateKey).signEdDSA}

func (k *ecPrivateKey) signEdDSA(opts *ed25519.Options, _, data []byte) ([]byte, error) {
	sig, err := k.ed.Sign(nil, data, opts)
	if err != nil {
		return nil, ck.Errorf(ck.CKR_FUNCTION_FAILED, "EdDSA: %w", err)
	}
	return sig, nil
}

func verifyEdDSA(k *Key, m *ck.Mechanism) (api.Verifier, error) {
	pub, err := parsedAs[*ecPublicKey](k)
	if err != nil {
		return nil, err
	}
	opts, h, err := edOptions(m)
	if err != nil {
		return nil, err
	}
	v := edVerifying.start(pub, opts, ed25519.SignatureSize)
	v.begin(h, wholeIntake{})
	return v, nil
}

var edVerifying = verifying[*ecPublicKey, *ed25519.Options]{verify: (*ecPublicKey).verifyEdDSA}

func (k *ecPublicKey) verifyEdDSA(opts *ed25519.Options, data, sig []byte) bool {
	return ed25519.VerifyWithOptions(k.point, data, sig, opts) == nil
}
