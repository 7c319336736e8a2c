package service

import (
	"crypto/rand"
	"crypto/subtle"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Key encapsulation by RSA (sections 6.1.6, 6.1.8 and 6.1.12): a secret made at random,
// and wrapped.

// encapsulateBy makes an encapsulation of a wrapping. There is no natural length, so
// the caller has to name one: CKR_TEMPLATE_INCOMPLETE.
func encapsulateBy(wrap wrapFunc) func(*Key, *ck.Mechanism, int, []byte) (int, *secret.Bytes, error) {
	return func(k *Key, m *ck.Mechanism, n int, dst []byte) (int, *secret.Bytes, error) {
		pub, err := parsedAs[*rsaPublicKey](k)
		if err != nil {
			return 0, nil, err
		}
		switch {
		case n == 0:
			return 0, nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing")
		case n >= pub.Size():
			return 0, nil, ck.CKR_KEY_SIZE_RANGE
		}
		made := secret.New(n)
		rand.Read(made.Expose())
		size, err := wrap(k, m, dst, made.Expose())
		if dst == nil || err != nil {
			made.Zero()
			return size, nil, recode(err, encapsulateCodes)
		}
		return size, made, nil
	}
}

// encapsulateCodes: C_EncapsulateKey has one code for keys that do not go together.
var encapsulateCodes = map[ck.RV]ck.RV{ck.CKR_WRAPPING_KEY_SIZE_RANGE: ck.CKR_KEY_SIZE_RANGE}

// decapsulateBy makes a decapsulation of an unwrapping. A secret of another length than
// n, if that is given, is no more than one that was never wrapped.
func decapsulateBy(unwrap unwrapFunc) func(*Key, *ck.Mechanism, int, []byte) (*secret.Bytes, error) {
	return func(k *Key, m *ck.Mechanism, n int, ciphertext []byte) (*secret.Bytes, error) {
		plain, err := unwrap(k, m, ciphertext)
		if err != nil {
			return nil, err
		}
		if n != 0 && plain.Len() != n || plain.Len() == 0 {
			plain.Zero()
			return nil, ck.CKR_WRAPPED_KEY_INVALID
		}
		return plain, nil
	}
}

// decapsulateNumber is decapsulateBy for RSA without padding: the secret is the last n
// bytes, and the rest is zeros.
func decapsulateNumber(unwrap unwrapFunc) func(*Key, *ck.Mechanism, int, []byte) (*secret.Bytes, error) {
	return func(k *Key, m *ck.Mechanism, n int, ciphertext []byte) (*secret.Bytes, error) {
		if n == 0 {
			return nil, ck.Errorf(ck.CKR_TEMPLATE_INCOMPLETE, "CKA_VALUE_LEN is missing")
		}
		plain, err := unwrap(k, m, ciphertext)
		if err != nil {
			return nil, err
		}
		defer plain.Zero()
		lead := plain.Len() - n
		if lead < 0 || subtle.ConstantTimeCompare(plain.Expose()[:lead], make([]byte, lead)) == 0 {
			return nil, ck.CKR_WRAPPED_KEY_INVALID
		}
		return secret.From(slices.Clone(plain.Expose()[lead:])), nil
	}
}
