package object

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func TestNewRefuses(t *testing.T) {
	aes, rsaPriv := aesTemplate(), rsaPrivateTemplate()
	nested := func(t ck.AttributeType, in ...ck.Attribute) ck.Attribute { return ck.Attribute{Type: t, Nested: in} }
	genAES := ck.Template{class(ck.CKO_SECRET_KEY), keyTypeOf(ck.CKK_AES), value(16), ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}
	tests := []struct {
		name string
		r    Request
		want ck.RV
	}{
		{"nothing", Request{}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"no class", Request{Template: without(aes, ck.CKA_CLASS)}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"no key type", Request{Template: without(aes, ck.CKA_KEY_TYPE)}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"no value", Request{Template: without(aes, ck.CKA_VALUE)}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"no modulus", Request{Template: without(rsaPriv, ck.CKA_MODULUS)}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"no exponent", Request{Template: without(rsaPublicTemplate(), ck.CKA_PUBLIC_EXPONENT)}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"no point", Request{Template: without(ecPublicTemplate(ck.CKK_EC), ck.CKA_EC_POINT)}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"nothing made", Request{Origin: Generated, Made: without(genAES, ck.CKA_VALUE)}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"no length", Request{Origin: Generated, Made: without(genAES, ck.CKA_VALUE_LEN)}, ck.CKR_TEMPLATE_INCOMPLETE},
		{"no type to unwrap", Request{Origin: Unwrapped, Made: without(genAES, ck.CKA_KEY_TYPE)}, ck.CKR_TEMPLATE_INCOMPLETE},

		{"short class", Request{Template: ck.Template{ck.Bytes(ck.CKA_CLASS, []byte{3, 0, 0, 0})}}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"unknown class", Request{Template: ck.Template{class(ck.CKO_HW_FEATURE)}}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"vendor class", Request{Template: ck.Template{class(ck.CKO_VENDOR_DEFINED)}}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"unknown key type", Request{Template: ck.Template{class(ck.CKO_SECRET_KEY), keyTypeOf(ck.CKK_DES3), value(24)}}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"key type of another class", Request{Template: ck.Template{class(ck.CKO_SECRET_KEY), keyTypeOf(ck.CKK_RSA), value(24)}}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"key type of data", Request{Template: plus(dataTemplate(), keyTypeOf(ck.CKK_AES))}, ck.CKR_TEMPLATE_INCONSISTENT},

		{"modulus of AES", Request{Template: plus(aes, bytesOf(ck.CKA_MODULUS))}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"vendor attribute", Request{Template: plus(aes, bytesOf(ck.CKA_VENDOR_DEFINED+7))}, ck.CKR_ATTRIBUTE_TYPE_INVALID},
		{"number of nothing", Request{Template: plus(aes, bytesOf(0x7777))}, ck.CKR_ATTRIBUTE_TYPE_INVALID},
		{"wide bool", Request{Template: plus(aes, ck.Bytes(ck.CKA_TOKEN, []byte{1, 0, 0, 0}))}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"bool of 255", Request{Template: plus(aes, ck.Bytes(ck.CKA_TOKEN, []byte{255}))}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"bad date", Request{Template: plus(aes, ck.String(ck.CKA_START_DATE, "2026-1-1"))}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"odd mechanisms", Request{Template: plus(aes, bytesOf(ck.CKA_ALLOWED_MECHANISMS))}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"secret in a template", Request{Template: plus(aes, nested(ck.CKA_UNWRAP_TEMPLATE, value(16)))}, ck.CKR_ATTRIBUTE_VALUE_INVALID},

		{"two labels", Request{Template: plus(aes, ck.String(ck.CKA_LABEL, "a"), ck.String(ck.CKA_LABEL, "b"))}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"two values", Request{Template: plus(aes, value(32))}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"made another type", Request{Origin: Generated, Template: ck.Template{keyTypeOf(ck.CKK_GENERIC_SECRET)}, Made: genAES}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"made another class", Request{Origin: Generated, Template: ck.Template{class(ck.CKO_PUBLIC_KEY)}, Made: genAES}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"made another length", Request{Origin: Unwrapped, Template: ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(32))}, Made: genAES}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"wrong check value", Request{Template: plus(aes, bytesOf(ck.CKA_CHECK_VALUE)), Made: ck.Template{ck.Bytes(ck.CKA_CHECK_VALUE, []byte{9, 9, 9})}}, ck.CKR_ATTRIBUTE_VALUE_INVALID},

		{"local", Request{Template: plus(aes, ck.Bool(ck.CKA_LOCAL, true))}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"not local", Request{Template: plus(aes, ck.Bool(ck.CKA_LOCAL, false))}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"always sensitive", Request{Template: plus(rsaPriv, ck.Bool(ck.CKA_ALWAYS_SENSITIVE, true))}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"never extractable", Request{Template: plus(rsaPriv, ck.Bool(ck.CKA_NEVER_EXTRACTABLE, true))}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"generated how", Request{Template: plus(aes, ck.Ulong(ck.CKA_KEY_GEN_MECHANISM, ck.CKM_AES_KEY_GEN))}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"id", Request{Template: plus(aes, ck.String(ck.CKA_UNIQUE_ID, "1"))}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"trusted", Request{Template: plus(aes, ck.Bool(ck.CKA_TRUSTED, true))}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"length to create", Request{Template: plus(aes, ck.Ulong(ck.CKA_VALUE_LEN, uint64(16)))}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"bits to create", Request{Template: plus(rsaPublicTemplate(), ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048)))}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"value to generate", Request{Origin: Generated, Template: ck.Template{value(16)}, Made: genAES}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"value to derive", Request{Origin: Derived, Template: ck.Template{value(16)}, Made: genAES}, ck.CKR_ATTRIBUTE_READ_ONLY},
		{"value to unwrap", Request{Origin: Unwrapped, Template: ck.Template{value(16)}, Made: genAES}, ck.CKR_ATTRIBUTE_READ_ONLY},

		{"authenticate a public key", Request{Template: plus(rsaPriv, ck.Bool(ck.CKA_ALWAYS_AUTHENTICATE, true), ck.Bool(ck.CKA_PRIVATE, false))}, ck.CKR_TEMPLATE_INCONSISTENT},
		{"origin of a copy", Request{Origin: Copied, Template: aes}, ck.CKR_GENERAL_ERROR},
		{"no origin", Request{Origin: -1, Template: aes}, ck.CKR_GENERAL_ERROR},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, m, err := New(tt.r)
			wantCode(t, err, tt.want)
			if o != nil || m != nil {
				t.Error("gives an object and an error")
			}
		})
	}
}

// Every class and key type can be made of the attributes that it must have, and
// of no fewer.
func TestNewNeedsWhatMustBeGiven(t *testing.T) {
	for k, s := range schemas {
		var tmpl ck.Template
		for _, r := range s.rows {
			if !r.is(mustCreate) {
				continue
			}
			switch r.typ {
			case ck.CKA_CLASS:
				tmpl = append(tmpl, class(k.class))
			case ck.CKA_KEY_TYPE:
				tmpl = append(tmpl, keyTypeOf(k.keyType))
			case ck.CKA_CERTIFICATE_TYPE:
				tmpl = append(tmpl, ck.Ulong(r.typ, ck.CKC_X_509), bytesOf(ck.CKA_VALUE))
			case ck.CKA_PARAMETER_SET:
				tmpl = append(tmpl, ck.Ulong[uint64](r.typ, ck.CKP_ML_KEM_768))
			default:
				tmpl = append(tmpl, bytesOf(r.typ))
			}
		}
		o, m := create(t, tmpl)
		if o.Class() != k.class || o.KeyType() != k.keyType {
			t.Errorf("%v made as %v %v", k, o.Class(), o.KeyType())
		}
		if guarded := k.class == ck.CKO_PRIVATE_KEY || k.class == ck.CKO_SECRET_KEY; (m != nil) != guarded {
			t.Errorf("%v has a material: %v", k, m != nil)
		}
		for _, a := range tmpl {
			if _, _, err := New(Request{Template: without(tmpl, a.Type)}); ck.Code(err) != ck.CKR_TEMPLATE_INCOMPLETE {
				t.Errorf("%v without %v: %v", k, a.Type, err)
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	tests := []struct {
		name string
		r    Request
		want flags
	}{
		{"data", Request{Template: dataTemplate()}, flags{ck.CKA_TOKEN: false, ck.CKA_PRIVATE: false,
			ck.CKA_MODIFIABLE: true, ck.CKA_COPYABLE: true, ck.CKA_DESTROYABLE: true}},
		{"RSA public", Request{Template: rsaPublicTemplate()}, flags{ck.CKA_PRIVATE: false, ck.CKA_ENCRYPT: true,
			ck.CKA_VERIFY: true, ck.CKA_VERIFY_RECOVER: true, ck.CKA_WRAP: false, ck.CKA_DERIVE: false, ck.CKA_TRUSTED: false,
			ck.CKA_LOCAL: false, ck.CKA_ENCAPSULATE: false}},
		{"RSA private", Request{Template: rsaPrivateTemplate()}, flags{ck.CKA_PRIVATE: true, ck.CKA_SENSITIVE: true,
			ck.CKA_EXTRACTABLE: false, ck.CKA_DECRYPT: true, ck.CKA_SIGN: true, ck.CKA_SIGN_RECOVER: true, ck.CKA_UNWRAP: false,
			ck.CKA_DERIVE: false, ck.CKA_ALWAYS_AUTHENTICATE: false, ck.CKA_WRAP_WITH_TRUSTED: false, ck.CKA_DECAPSULATE: false}},
		{"EC public", Request{Template: ecPublicTemplate(ck.CKK_EC)}, flags{ck.CKA_VERIFY: true, ck.CKA_ENCRYPT: false, ck.CKA_DERIVE: false}},
		{"EC private", Request{Template: ecPrivateTemplate(ck.CKK_EC)}, flags{ck.CKA_SIGN: true, ck.CKA_DECRYPT: false, ck.CKA_DERIVE: false}},
		{"Edwards", Request{Template: ecPrivateTemplate(ck.CKK_EC_EDWARDS)}, flags{ck.CKA_SIGN: true, ck.CKA_DERIVE: false}},
		{"Montgomery", Request{Template: ecPrivateTemplate(ck.CKK_EC_MONTGOMERY)}, flags{ck.CKA_SIGN: false, ck.CKA_DERIVE: true}},
		{"AES", Request{Template: aesTemplate()}, flags{ck.CKA_PRIVATE: true, ck.CKA_SENSITIVE: true, ck.CKA_EXTRACTABLE: false,
			ck.CKA_ENCRYPT: true, ck.CKA_DECRYPT: true, ck.CKA_SIGN: true, ck.CKA_VERIFY: true, ck.CKA_WRAP: false, ck.CKA_UNWRAP: false,
			ck.CKA_DERIVE: false}},
		{"AES that wraps", Request{Template: plus(aesTemplate(), ck.Bool(ck.CKA_WRAP, true))},
			flags{ck.CKA_ENCRYPT: false, ck.CKA_DECRYPT: false, ck.CKA_SIGN: false, ck.CKA_WRAP: true, ck.CKA_UNWRAP: false}},
		{"AES that derives", Request{Template: plus(aesTemplate(), ck.Bool(ck.CKA_DERIVE, true))},
			flags{ck.CKA_ENCRYPT: false, ck.CKA_SIGN: false, ck.CKA_DERIVE: true}},
		{"RSA that unwraps", Request{Template: plus(rsaPrivateTemplate(), ck.Bool(ck.CKA_UNWRAP, true))},
			flags{ck.CKA_DECRYPT: false, ck.CKA_SIGN: false, ck.CKA_SIGN_RECOVER: false, ck.CKA_UNWRAP: true}},
		{"RSA that wraps", Request{Template: plus(rsaPublicTemplate(), ck.Bool(ck.CKA_WRAP, true))},
			flags{ck.CKA_ENCRYPT: false, ck.CKA_VERIFY: true, ck.CKA_WRAP: true}},
		{"AES that unwraps and is asked to decrypt", Request{Template: plus(aesTemplate(), ck.Bool(ck.CKA_UNWRAP, true), ck.Bool(ck.CKA_DECRYPT, true))},
			flags{ck.CKA_ENCRYPT: false, ck.CKA_DECRYPT: true, ck.CKA_UNWRAP: true}},
		{"AES that does not wrap", Request{Template: plus(aesTemplate(), ck.Bool(ck.CKA_WRAP, false))}, flags{ck.CKA_ENCRYPT: true}},
		{"generic", Request{Template: ck.Template{class(ck.CKO_SECRET_KEY), keyTypeOf(ck.CKK_GENERIC_SECRET), value(20)}},
			flags{ck.CKA_SIGN: true, ck.CKA_VERIFY: true, ck.CKA_ENCRYPT: false, ck.CKA_DERIVE: false}},
		{"extractable", Request{Template: plus(aesTemplate(), ck.Bool(ck.CKA_EXTRACTABLE, true))}, flags{ck.CKA_SENSITIVE: true}},
		{"by the SO", Request{Template: rsaPrivateTemplate(), SO: true}, flags{ck.CKA_PRIVATE: false}},
		{"private by the SO", Request{Template: plus(aesTemplate(), ck.Bool(ck.CKA_PRIVATE, true)), SO: true}, flags{ck.CKA_PRIVATE: true}},
		{"trusted by the SO", Request{Template: plus(aesTemplate(), ck.Bool(ck.CKA_TRUSTED, true)), SO: true}, flags{ck.CKA_TRUSTED: true}},
		{"untrusted by anybody", Request{Template: plus(aesTemplate(), ck.Bool(ck.CKA_TRUSTED, false))}, flags{ck.CKA_TRUSTED: false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := build(t, tt.r)
			for a, want := range tt.want {
				wantBool(t, o, a, want)
				if usageBit(a) != 0 && o.Permits(a) != want {
					t.Errorf("permits %v: %v", a, !want)
				}
			}
			if o.Token() != o.Bool(ck.CKA_TOKEN) || o.Private() != o.Bool(ck.CKA_PRIVATE) {
				t.Error("Token or Private disagrees with the attribute")
			}
		})
	}
}

// CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE and CKA_KEY_GEN_MECHANISM
// tell the truth about every origin.
func TestHistory(t *testing.T) {
	made := ck.Template{class(ck.CKO_SECRET_KEY), keyTypeOf(ck.CKK_AES), value(16), ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}
	open := ck.Template{ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true)}
	shut := ck.Template{}
	gen := func(tmpl ck.Template) *Object {
		o, _ := build(t, Request{Origin: Generated, Mechanism: ck.CKM_AES_KEY_GEN, Template: tmpl, Made: made})
		return o
	}
	const unknown = ck.MechanismType(ck.Unavailable)
	tests := []struct {
		name                            string
		r                               Request
		local, alwaysSensitive, neverEx bool
		mechanism                       ck.MechanismType
	}{
		{"created", Request{Made: made}, false, false, false, unknown},
		{"unwrapped", Request{Origin: Unwrapped, Made: made, Base: gen(shut)}, false, false, false, unknown},
		{"generated", Request{Origin: Generated, Mechanism: ck.CKM_AES_KEY_GEN, Made: made}, true, true, true, ck.CKM_AES_KEY_GEN},
		{"generated open", Request{Origin: Generated, Mechanism: ck.CKM_AES_KEY_GEN, Made: made, Template: open}, true, false, false, ck.CKM_AES_KEY_GEN},
		{"derived", Request{Origin: Derived, Made: made, Base: gen(shut)}, false, true, true, unknown},
		{"derived open", Request{Origin: Derived, Made: made, Base: gen(shut), Template: open}, false, false, false, unknown},
		{"derived of open", Request{Origin: Derived, Made: made, Base: gen(open)}, false, false, false, unknown},
		{"derived of nothing", Request{Origin: Derived, Made: made}, false, false, false, unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := build(t, tt.r)
			wantBool(t, o, ck.CKA_LOCAL, tt.local)
			wantBool(t, o, ck.CKA_ALWAYS_SENSITIVE, tt.alwaysSensitive)
			wantBool(t, o, ck.CKA_NEVER_EXTRACTABLE, tt.neverEx)
			if m, ok := o.Ulong(ck.CKA_KEY_GEN_MECHANISM); !ok || ck.MechanismType(m) != tt.mechanism {
				t.Errorf("generated by %#x", m)
			}
		})
	}
}

func TestMadeWins(t *testing.T) {
	o, m := build(t, Request{
		Template: plus(ecPrivateTemplate(ck.CKK_EC), ck.Bytes(ck.CKA_PUBLIC_KEY_INFO, nil), ck.Bytes(ck.CKA_LABEL, nil)),
		Made:     ck.Template{ck.Bytes(ck.CKA_VALUE, fill(48)), ck.String(ck.CKA_EC_PARAMS, "oid"), ck.String(ck.CKA_PUBLIC_KEY_INFO, "spki")},
	})
	if v, _ := m.Get(ck.CKA_VALUE); !bytes.Equal(v, fill(48)) {
		t.Errorf("value %x", v)
	}
	for a, want := range map[ck.AttributeType]string{ck.CKA_EC_PARAMS: "oid", ck.CKA_PUBLIC_KEY_INFO: "spki", ck.CKA_LABEL: ""} {
		if got := o.Bytes(a); string(got) != want || got == nil {
			t.Errorf("%v is %q", a, got)
		}
	}
}

// An empty CKA_CHECK_VALUE in the template forgoes it (section 4.10.2).
func TestCheckValue(t *testing.T) {
	made := ck.Template{ck.Bytes(ck.CKA_CHECK_VALUE, []byte{1, 2, 3})}
	for name, tt := range map[string]struct {
		tmpl ck.Template
		want []byte
	}{
		"not given": {aesTemplate(), []byte{1, 2, 3}},
		"right":     {plus(aesTemplate(), bytesOf(ck.CKA_CHECK_VALUE)), []byte{1, 2, 3}},
		"forgone":   {plus(aesTemplate(), ck.Bytes(ck.CKA_CHECK_VALUE, nil)), []byte{}},
	} {
		o, _ := build(t, Request{Template: tt.tmpl, Made: made})
		if got := o.Bytes(ck.CKA_CHECK_VALUE); !bytes.Equal(got, tt.want) {
			t.Errorf("%s: %x", name, got)
		}
	}
}

func TestSameAttributeTwiceIsOnce(t *testing.T) {
	tmpl := plus(aesTemplate(), aesTemplate()...)
	o, m := create(t, plus(tmpl, ck.String(ck.CKA_LABEL, "a"), ck.String(ck.CKA_LABEL, "a")))
	if string(o.Bytes(ck.CKA_LABEL)) != "a" || m == nil {
		t.Error("the object is not what was asked for")
	}
}

// An object shares nothing with the template that it was made from, and never
// holds a secret itself.
func TestNewCopies(t *testing.T) {
	label, secret := []byte("label"), fill(16)
	inner := []byte{ck.CK_TRUE}
	o, m := create(t, ck.Template{class(ck.CKO_SECRET_KEY), keyTypeOf(ck.CKK_AES), ck.Bytes(ck.CKA_VALUE, secret),
		ck.Bytes(ck.CKA_LABEL, label), {Type: ck.CKA_WRAP_TEMPLATE, Nested: []ck.Attribute{{Type: ck.CKA_SIGN, Value: inner}}}})
	clear(label)
	clear(secret)
	clear(inner)
	if string(o.Bytes(ck.CKA_LABEL)) != "label" {
		t.Error("the label is shared")
	}
	if n := o.Nested(ck.CKA_WRAP_TEMPLATE); len(n) != 1 || n[0].Value[0] != ck.CK_TRUE {
		t.Error("the nested template is shared")
	}
	if v, _ := m.Get(ck.CKA_VALUE); !bytes.Equal(v, fill(16)) {
		t.Error("the secret is shared")
	}
	if o.Bytes(ck.CKA_VALUE) != nil || bytes.Contains(o.Encode(), fill(16)) {
		t.Error("the object holds the secret")
	}
}

func TestIDs(t *testing.T) {
	a, _ := create(t, dataTemplate())
	b, _ := create(t, dataTemplate())
	if a.ID() == b.ID() {
		t.Error("two objects have one id")
	}
	id := a.ID()
	if got := string(a.Bytes(ck.CKA_UNIQUE_ID)); got != hex.EncodeToString(id[:]) {
		t.Errorf("CKA_UNIQUE_ID is %s", got)
	}
	if !slices.IsSortedFunc(a.list(), func(a, b ck.Attribute) int { return cmp.Compare(a.Type, b.Type) }) {
		t.Error("attributes are not sorted")
	}
}

// What a mechanism makes is held to the tables as well.
func TestMadeIsChecked(t *testing.T) {
	for _, tt := range []struct {
		a    ck.Attribute
		want ck.RV
	}{
		{bytesOf(ck.CKA_MODULUS), ck.CKR_TEMPLATE_INCONSISTENT},
		{bytesOf(ck.CKA_VENDOR_DEFINED), ck.CKR_ATTRIBUTE_TYPE_INVALID},
		{bytesOf(ck.CKA_VALUE_LEN), ck.CKR_ATTRIBUTE_VALUE_INVALID},
	} {
		_, _, err := New(Request{Template: aesTemplate(), Made: ck.Template{tt.a}})
		wantCode(t, err, tt.want)
	}
}

// Errors name attributes and never show values.
func TestErrorsTellNoValues(t *testing.T) {
	secret := ck.String(ck.CKA_VALUE, "sesame")
	for _, tmpl := range []ck.Template{
		plus(without(aesTemplate(), ck.CKA_VALUE), secret, ck.String(ck.CKA_VALUE, "open sesame")),
		plus(without(aesTemplate(), ck.CKA_VALUE), secret, ck.String(ck.CKA_TOKEN, "sesame")),
		{class(ck.CKO_PUBLIC_KEY), keyTypeOf(ck.CKK_RSA), secret},
	} {
		_, _, err := New(Request{Template: tmpl})
		if err == nil || strings.Contains(err.Error(), "sesame") || !strings.Contains(err.Error(), "CKA_") {
			t.Errorf("%v", err)
		}
	}
}
