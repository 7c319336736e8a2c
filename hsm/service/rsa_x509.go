package service

import (
	"bytes"
	"errors"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	rawrsa "github.com/coffer-hsm/coffer/hsm/crypto/rsa"
)

// CKM_RSA_X_509 is RSA without any padding. Its data is a number: shorter data
// is as good as the same data with zeros in front.
func init() {
	m := rsaMechanism(ck.CKM_RSA_X_509, ck.ParamNone)
	m.Encrypt, m.Decrypt = encryptX509, decryptX509
	m.Wrap, m.Unwrap = wrapBy(encryptX509), unwrapBy(decryptX509)
	m.Encapsulate, m.Decapsulate = encapsulateBy(m.Wrap), decapsulateNumber(m.Unwrap)
	m.Leads = true
	m.Sign, m.Verify = signX509, verifyX509
	m.SignRecover, m.VerifyRecover = signRecoverX509, verifyRecoverX509
	register(m)
}

// rsaPublicOperation computes m^e mod n; outOfRange is the code for an m that
// is not below n.
func rsaPublicOperation(pub *rsaPublicKey, m []byte, outOfRange ck.RV) ([]byte, error) {
	raw, err := pub.raw()
	if err != nil {
		return nil, rsaFailed(err)
	}
	out, err := raw.Encrypt(m)
	return out, rsaError(err, outOfRange)
}

// rsaPrivateOperation computes c^d mod n; outOfRange is as for the public one.
func rsaPrivateOperation(priv *rsaPrivateKey, c []byte, outOfRange ck.RV) ([]byte, error) {
	raw, err := priv.bare()
	if err != nil {
		return nil, rsaFailed(err)
	}
	out, err := raw.Decrypt(c)
	return out, rsaError(err, outOfRange)
}

func rsaError(err error, outOfRange ck.RV) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rawrsa.ErrRange):
		return outOfRange
	}
	return rsaFailed(err)
}

// publicX509 and privateX509 are the four transformations, which differ only in
// the half of the key and in their codes.
func publicX509(k *Key, check func(size int) func(int) error, outOfRange ck.RV) (api.Cipher, error) {
	pub, err := parsedAs[*rsaPublicKey](k)
	if err != nil {
		return nil, err
	}
	return &transformer{size: pub.Size(), exact: true, check: check(pub.Size()), do: func(src []byte) ([]byte, error) {
		return rsaPublicOperation(pub, src, outOfRange)
	}}, nil
}

func privateX509(k *Key, check func(size int) func(int) error, outOfRange ck.RV) (api.Cipher, error) {
	priv, err := parsedAs[*rsaPrivateKey](k)
	if err != nil {
		return nil, err
	}
	return &transformer{size: priv.Size(), exact: true, check: check(priv.Size()), do: priv.using(func(src []byte) ([]byte, error) {
		return rsaPrivateOperation(priv, src, outOfRange)
	})}, nil
}

func encryptX509(k *Key, _ *ck.Mechanism) (api.Cipher, error) {
	return publicX509(k, atMost, ck.CKR_DATA_INVALID)
}

func decryptX509(k *Key, _ *ck.Mechanism) (api.Cipher, error) {
	check := func(size int) func(int) error { return exactly(size, ck.CKR_ENCRYPTED_DATA_LEN_RANGE) }
	return privateX509(k, check, ck.CKR_ENCRYPTED_DATA_INVALID)
}

func signRecoverX509(k *Key, _ *ck.Mechanism) (api.Cipher, error) {
	return privateX509(k, atMost, ck.CKR_DATA_INVALID)
}

func verifyRecoverX509(k *Key, _ *ck.Mechanism) (api.Cipher, error) {
	check := func(size int) func(int) error { return exactly(size, ck.CKR_SIGNATURE_LEN_RANGE) }
	return publicX509(k, check, ck.CKR_SIGNATURE_INVALID)
}

func signX509(k *Key, _ *ck.Mechanism) (api.Signer, error) {
	priv, err := parsedAs[*rsaPrivateKey](k)
	if err != nil {
		return nil, err
	}
	s := x509Signing.start(priv, &priv.wipeable, struct{}{}, priv.Size())
	s.begin(nil, wholeIntake{max: priv.Size()})
	return s, nil
}

var x509Signing = signing[*rsaPrivateKey, struct{}]{sign: func(k *rsaPrivateKey, _ struct{}, _, data []byte) ([]byte, error) {
	return rsaPrivateOperation(k, data, ck.CKR_DATA_INVALID)
}}

func verifyX509(k *Key, _ *ck.Mechanism) (api.Verifier, error) {
	pub, err := parsedAs[*rsaPublicKey](k)
	if err != nil {
		return nil, err
	}
	v := x509Verifying.start(pub, struct{}{}, pub.Size())
	v.begin(nil, wholeIntake{max: pub.Size()})
	return v, nil
}

var x509Verifying = verifying[*rsaPublicKey, struct{}]{verify: func(k *rsaPublicKey, _ struct{}, data, sig []byte) bool {
	m, err := rsaPublicOperation(k, sig, ck.CKR_SIGNATURE_INVALID)
	return err == nil && bytes.Equal(bytes.TrimLeft(m, "\x00"), bytes.TrimLeft(data, "\x00"))
}}
