package p11

import (
	"bytes"

	"github.com/miekg/pkcs11"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Template is the attributes of a new key.
type Template []*pkcs11.Attribute

// key starts a template for a session object.
func key(class, keyType uint) Template {
	return Template{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, keyType),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
	}
}

// Value is that of an attribute, nil if it is not there.
func (t Template) Value(a ck.AttributeType) []byte {
	for _, have := range t {
		if have.Type == uint(a) {
			return have.Value
		}
	}
	return nil
}

// allow adds usages.
func (t Template) allow(usages ...uint) Template {
	for _, u := range usages {
		t = append(t, pkcs11.NewAttribute(u, true))
	}
	return t
}

// number adds a Big Integer, without the zeros in front that vectors have.
// Where there is none it adds nothing.
func (t Template) number(attribute uint, value []byte) Template {
	if value = bytes.TrimLeft(value, "\x00"); len(value) == 0 {
		return t
	}
	return append(t, pkcs11.NewAttribute(attribute, value))
}

// secretTemplate is a secret key that may be read.
func secretTemplate(keyType ck.KeyType) Template {
	return append(key(pkcs11.CKO_SECRET_KEY, uint(keyType)),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false)).allow(pkcs11.CKA_EXTRACTABLE)
}

// Secret is a secret key of the given value, for everything that its type does.
func Secret(keyType ck.KeyType, value []byte) Template {
	t := append(secretTemplate(keyType), pkcs11.NewAttribute(pkcs11.CKA_VALUE, value))
	if keyType == ck.CKK_CHACHA20 || keyType == ck.CKK_AES_XTS {
		return t.allow(pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT)
	}
	if keyType != ck.CKK_AES {
		return t.allow(pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY)
	}
	return t.allow(pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY, pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP)
}

// Deriving is a secret key of the given value that others are derived from.
func Deriving(keyType ck.KeyType, value []byte) Template {
	return append(secretTemplate(keyType), pkcs11.NewAttribute(pkcs11.CKA_VALUE, value)).allow(pkcs11.CKA_DERIVE)
}

// RSAPublic is a key to verify and encrypt with.
func RSAPublic(modulus, exponent []byte) Template {
	return key(pkcs11.CKO_PUBLIC_KEY, pkcs11.CKK_RSA).
		number(pkcs11.CKA_MODULUS, modulus).
		number(pkcs11.CKA_PUBLIC_EXPONENT, exponent).
		allow(pkcs11.CKA_VERIFY, pkcs11.CKA_ENCRYPT)
}

// RSAValues are the numbers of a private key. The last five may be missing.
type RSAValues struct {
	Modulus, PublicExponent, PrivateExponent          []byte
	Prime1, Prime2, Exponent1, Exponent2, Coefficient []byte
}

// RSAPrivate is a key to sign and decrypt with.
func RSAPrivate(v RSAValues) Template {
	return key(pkcs11.CKO_PRIVATE_KEY, pkcs11.CKK_RSA).
		number(pkcs11.CKA_MODULUS, v.Modulus).
		number(pkcs11.CKA_PUBLIC_EXPONENT, v.PublicExponent).
		number(pkcs11.CKA_PRIVATE_EXPONENT, v.PrivateExponent).
		number(pkcs11.CKA_PRIME_1, v.Prime1).
		number(pkcs11.CKA_PRIME_2, v.Prime2).
		number(pkcs11.CKA_EXPONENT_1, v.Exponent1).
		number(pkcs11.CKA_EXPONENT_2, v.Exponent2).
		number(pkcs11.CKA_COEFFICIENT, v.Coefficient).
		allow(pkcs11.CKA_SIGN, pkcs11.CKA_DECRYPT)
}

// ECPublic is a key on a curve. params and point are as CKA_EC_PARAMS and
// CKA_EC_POINT have them.
func ECPublic(keyType ck.KeyType, params, point []byte) Template {
	return append(key(pkcs11.CKO_PUBLIC_KEY, uint(keyType)),
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params),
		pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, point)).allow(pkcs11.CKA_VERIFY)
}

// ECPrivate is a key on a curve for one usage: CKA_SIGN or CKA_DERIVE.
func ECPrivate(keyType ck.KeyType, usage ck.AttributeType, params, value []byte) Template {
	return append(key(pkcs11.CKO_PRIVATE_KEY, uint(keyType)),
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, value)).allow(uint(usage))
}
