package object

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The templates that the tests start from. The key material is no real key: this
// package does not look into it.

func class(c ck.ObjectClass) ck.Attribute     { return ck.Ulong(ck.CKA_CLASS, c) }
func keyTypeOf(kt ck.KeyType) ck.Attribute    { return ck.Ulong(ck.CKA_KEY_TYPE, kt) }
func value(n int) ck.Attribute                { return ck.Bytes(ck.CKA_VALUE, fill(n)) }
func bytesOf(t ck.AttributeType) ck.Attribute { return ck.Bytes(t, []byte{1, 2, 3}) }

func fill(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i + 1)
	}
	return b
}

// plus returns a template with more at its end.
func plus(t ck.Template, more ...ck.Attribute) ck.Template {
	return append(append(ck.Template{}, t...), more...)
}

// without returns a template less the attributes of type t.
func without(tmpl ck.Template, t ck.AttributeType) ck.Template {
	var out ck.Template
	for _, a := range tmpl {
		if a.Type != t {
			out = append(out, a)
		}
	}
	return out
}

func dataTemplate() ck.Template { return ck.Template{class(ck.CKO_DATA), value(5)} }

func aesTemplate() ck.Template {
	return ck.Template{class(ck.CKO_SECRET_KEY), keyTypeOf(ck.CKK_AES), value(16)}
}

func rsaPublicTemplate() ck.Template {
	return ck.Template{class(ck.CKO_PUBLIC_KEY), keyTypeOf(ck.CKK_RSA),
		bytesOf(ck.CKA_MODULUS), bytesOf(ck.CKA_PUBLIC_EXPONENT)}
}

func rsaPrivateTemplate() ck.Template {
	return ck.Template{class(ck.CKO_PRIVATE_KEY), keyTypeOf(ck.CKK_RSA),
		bytesOf(ck.CKA_MODULUS), bytesOf(ck.CKA_PUBLIC_EXPONENT), bytesOf(ck.CKA_PRIVATE_EXPONENT)}
}

func ecPublicTemplate(kt ck.KeyType) ck.Template {
	return ck.Template{class(ck.CKO_PUBLIC_KEY), keyTypeOf(kt), bytesOf(ck.CKA_EC_PARAMS), bytesOf(ck.CKA_EC_POINT)}
}

func ecPrivateTemplate(kt ck.KeyType) ck.Template {
	return ck.Template{class(ck.CKO_PRIVATE_KEY), keyTypeOf(kt), bytesOf(ck.CKA_EC_PARAMS), value(32)}
}

// create makes an object as C_CreateObject does.
func create(t testing.TB, tmpl ck.Template) (*Object, *Material) {
	t.Helper()
	return build(t, Request{Template: tmpl})
}

func build(t testing.TB, r Request) (*Object, *Material) {
	t.Helper()
	o, m, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	return o, m
}

func wantCode(t testing.TB, err error, want ck.RV) {
	t.Helper()
	if got := ck.Code(err); got != want {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
}

func wantBool(t testing.TB, o *Object, a ck.AttributeType, want bool) {
	t.Helper()
	if !o.has(a) {
		t.Errorf("%v is not there", a)
	}
	if o.Bool(a) != want {
		t.Errorf("%v is %v", a, !want)
	}
}
