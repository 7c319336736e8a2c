package service

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	rawrsa "github.com/coffer-hsm/coffer/hsm/crypto/rsa"
)

// pkcs1Overhead is what the padding of PKCS #1 v1.5 takes at least, in bytes:
// RFC 8017, sections 7.2.1 and 9.2.
const pkcs1Overhead = 11

// rsaMechanism is a row for a mechanism that RSA keys are used with.
func rsaMechanism(t ck.MechanismType, p ck.ParamKind) Mechanism {
	return Mechanism{Type: t, Min: rsaMin, Max: rsaMax, Param: p, KeyTypes: []ck.KeyType{ck.CKK_RSA}}
}

func init() {
	gen := rsaMechanism(ck.CKM_RSA_PKCS_KEY_PAIR_GEN, ck.ParamNone)
	gen.Min, gen.GenerateKeyPair = rsaMinGenerate, generateRSA

	pkcs := rsaMechanism(ck.CKM_RSA_PKCS, ck.ParamNone)
	pkcs.Encrypt, pkcs.Decrypt = encryptPKCS1, decryptPKCS1
	pkcs.Wrap, pkcs.Unwrap = wrapBy(encryptPKCS1), unwrapBy(decryptPKCS1)
	pkcs.Encapsulate, pkcs.Decapsulate = encapsulateBy(pkcs.Wrap), decapsulateBy(pkcs.Unwrap)
	pkcs.Sign, pkcs.Verify = signPKCS1(nil), verifyPKCS1(nil)
	pkcs.SignRecover, pkcs.VerifyRecover = signRecoverPKCS1, verifyRecoverPKCS1
	register(gen, pkcs)

	for i := range hashes {
		if h := &hashes[i]; h.rsaPKCS != 0 {
			m := rsaMechanism(h.rsaPKCS, ck.ParamNone)
			m.Sign, m.Verify = signPKCS1(h), verifyPKCS1(h)
			register(m)
		}
	}
}

// rsaFailed stands for the errors that a checked key and a checked input leave: a
// fault of the machine, or the error state.
func rsaFailed(err error) error {
	if refused := Ready(); refused != nil {
		return refused
	}
	return ck.Errorf(ck.CKR_DEVICE_ERROR, "RSA: %w", err)
}

// rsaDecryption gives a ciphertext that is wrong, in whatever way, its one code.
// A result that failed its check, or a module in the error state, is no word about
// the ciphertext and goes another way.
func rsaDecryption(out []byte, err error) ([]byte, error) {
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, rsa.ErrDecryption), errors.Is(err, rawrsa.ErrDecryption):
		return nil, ck.CKR_ENCRYPTED_DATA_INVALID
	}
	return nil, rsaFailed(err)
}

// digestInfoOf are the limits of ready-made DigestInfo for a key of size bytes.
func digestInfoOf(size int) wholeIntake { return wholeIntake{max: size - pkcs1Overhead} }

// name is how crypto/rsa is told the hash of h, which is nil of ready-made DigestInfo.
func (h *hashInfo) name() crypto.Hash {
	if h == nil {
		return 0
	}
	return h.hash
}

func signPKCS1(h *hashInfo) func(*Key, *ck.Mechanism) (api.Signer, error) {
	way := &signing[*rsaPrivateKey, crypto.Hash]{sign: (*rsaPrivateKey).signPKCS1}
	return func(k *Key, _ *ck.Mechanism) (api.Signer, error) {
		priv, err := rsaPrivate(k)
		if err != nil {
			return nil, err
		}
		if err := bareAllowed(h); err != nil {
			return nil, err
		}
		s := way.start(priv, &priv.wipeable, h.name(), priv.Size())
		s.begin(h, digestInfoOf(priv.Size()))
		return s, nil
	}
}

func verifyPKCS1(h *hashInfo) func(*Key, *ck.Mechanism) (api.Verifier, error) {
	way := &verifying[*rsaPublicKey, crypto.Hash]{verify: (*rsaPublicKey).verifyPKCS1}
	return func(k *Key, _ *ck.Mechanism) (api.Verifier, error) {
		pub, err := rsaPublic(k)
		if err != nil {
			return nil, err
		}
		if err := bareAllowed(h); err != nil {
			return nil, err
		}
		v := way.start(pub, h.name(), pub.Size())
		v.begin(h, digestInfoOf(pub.Size()))
		return v, nil
	}
}

func (k *rsaPublicKey) verifyPKCS1(hash crypto.Hash, digest, sig []byte) bool {
	return rsa.VerifyPKCS1v15(k.PublicKey, hash, digest, sig) == nil
}

func signRecoverPKCS1(k *Key, _ *ck.Mechanism) (api.Cipher, error) {
	priv, err := rsaPrivate(k)
	if err != nil {
		return nil, err
	}
	if err := bareAllowed(nil); err != nil {
		return nil, err
	}
	size := priv.Size()
	return &transformer{size: size, exact: true, check: atMost(size - pkcs1Overhead), do: priv.using(func(src []byte) ([]byte, error) {
		return priv.signPKCS1(0, nil, src)
	})}, nil
}

func verifyRecoverPKCS1(k *Key, _ *ck.Mechanism) (api.Cipher, error) {
	pub, err := rsaPublic(k)
	if err != nil {
		return nil, err
	}
	size := pub.Size()
	return &transformer{size: size - pkcs1Overhead, check: exactly(size, ck.CKR_SIGNATURE_LEN_RANGE), do: func(sig []byte) ([]byte, error) {
		em, err := rsaPublicOperation(pub, sig, ck.CKR_SIGNATURE_INVALID)
		if err != nil {
			return nil, err
		}
		return unpadPKCS1(em)
	}}, nil
}

// unpadPKCS1 takes the padding of a signature off: RFC 8017, section 9.2 step 5
// backwards. What is in a signature is public, so it need not take constant time.
func unpadPKCS1(em []byte) ([]byte, error) {
	body, ok := bytes.CutPrefix(em, []byte{0, 1})
	data := bytes.TrimLeft(body, "\xff")
	if !ok || len(body)-len(data) < 8 || len(data) == 0 || data[0] != 0 {
		return nil, ck.CKR_SIGNATURE_INVALID
	}
	return data[1:], nil
}

func encryptPKCS1(k *Key, _ *ck.Mechanism) (api.Cipher, error) {
	pub, err := rsaPublic(k)
	if err != nil {
		return nil, err
	}
	if err := pkcs1EncryptionAllowed(); err != nil {
		return nil, err
	}
	size := pub.Size()
	return &transformer{size: size, exact: true, check: atMost(size - pkcs1Overhead), do: func(src []byte) ([]byte, error) {
		out, err := rsa.EncryptPKCS1v15(rand.Reader, pub.PublicKey, src)
		if err != nil {
			return nil, rsaFailed(err)
		}
		return out, nil
	}}, nil
}

// decryptPKCS1 cannot hide whether a ciphertext was well padded: the standard
// wants a code for it. It hides all else, since both paths look for the padding in
// constant time.
func decryptPKCS1(k *Key, _ *ck.Mechanism) (api.Cipher, error) {
	priv, err := rsaPrivate(k)
	if err != nil {
		return nil, err
	}
	if err := pkcs1EncryptionAllowed(); err != nil {
		return nil, err
	}
	size := priv.Size()
	return &transformer{size: size - pkcs1Overhead, check: exactly(size, ck.CKR_ENCRYPTED_DATA_LEN_RANGE), do: priv.using(func(src []byte) ([]byte, error) {
		return rsaDecryption(priv.decryptPKCS1(src))
	})}, nil
}

// atMost refuses data of more than n bytes.
func atMost(n int) func(int) error {
	return func(length int) error {
		if length > n {
			return ck.CKR_DATA_LEN_RANGE
		}
		return nil
	}
}

// exactly refuses, with code, what has not n bytes.
func exactly(n int, code ck.RV) func(int) error {
	return func(length int) error {
		if length != n {
			return code
		}
		return nil
	}
}
