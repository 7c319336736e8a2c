package object

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func trustTemplate(more ...ck.Attribute) ck.Template {
	return plus(ck.Template{class(ck.CKO_TRUST), bytesOf(ck.CKA_ISSUER), bytesOf(ck.CKA_SERIAL_NUMBER)}, more...)
}

func trust(t ck.AttributeType, v uint64) ck.Attribute { return ck.Ulong(t, v) }

func TestTrustRules(t *testing.T) {
	sha1, sha256 := ck.Bytes(ck.CKA_HASH_OF_CERTIFICATE, fill(20)), ck.Bytes(ck.CKA_HASH_OF_CERTIFICATE, fill(32))
	named := func(m ck.MechanismType) ck.Attribute { return ck.Ulong(ck.CKA_NAME_HASH_ALGORITHM, m) }
	anchor := trust(ck.CKA_TRUST_SERVER_AUTH, ck.CKT_TRUST_ANCHOR)
	tests := []struct {
		name string
		tmpl ck.Template
		want ck.RV
	}{
		{"nothing known", trustTemplate(), ck.CKR_OK},
		{"distrust", trustTemplate(trust(ck.CKA_TRUST_CODE_SIGNING, ck.CKT_NOT_TRUSTED)), ck.CKR_OK},
		{"anchor by SHA-1", trustTemplate(anchor, sha1), ck.CKR_OK},
		{"anchor by SHA-256", trustTemplate(anchor, sha256, named(ck.CKM_SHA256)), ck.CKR_OK},
		{"no issuer", without(trustTemplate(), ck.CKA_ISSUER), ck.CKR_TEMPLATE_INCOMPLETE},
		{"no serial number", without(trustTemplate(), ck.CKA_SERIAL_NUMBER), ck.CKR_TEMPLATE_INCOMPLETE},
		{"anchor of what", trustTemplate(anchor), ck.CKR_TEMPLATE_INCOMPLETE},
		{"trust in what", trustTemplate(trust(ck.CKA_TRUST_OCSP_SIGNING, ck.CKT_TRUSTED)), ck.CKR_TEMPLATE_INCOMPLETE},
		{"verify what", trustTemplate(trust(ck.CKA_TRUST_IPSEC_IKE, ck.CKT_TRUST_MUST_VERIFY_TRUST)), ck.CKR_TEMPLATE_INCOMPLETE},
		{"another hash", trustTemplate(anchor, sha256), ck.CKR_TEMPLATE_INCONSISTENT},
		{"hash by no hash", trustTemplate(anchor, sha1, named(ck.CKM_AES_ECB)), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"unknown trust", trustTemplate(sha1, trust(ck.CKA_TRUST_EMAIL_PROTECTION, 5)), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"trust of no number", trustTemplate(ck.Bool(ck.CKA_TRUST_CLIENT_AUTH, true)), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"trusted", trustTemplate(ck.Bool(ck.CKA_TRUSTED, true)), ck.CKR_TEMPLATE_INCONSISTENT},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, m, err := New(Request{Template: tt.tmpl})
			wantCode(t, err, tt.want)
			if m != nil {
				t.Error("has a material")
			}
		})
	}
}

func TestTrustOfEachUse(t *testing.T) {
	for _, a := range trusts {
		o, _ := create(t, trustTemplate(ck.Bytes(ck.CKA_HASH_OF_CERTIFICATE, fill(20))))
		if v, ok := o.Ulong(a); v != ck.CKT_TRUST_UNKNOWN || !ok {
			t.Errorf("%v is %d at first", a, v)
		}
		o, err := o.Set(ck.Template{trust(a, ck.CKT_TRUSTED)}, false)
		wantCode(t, err, ck.CKR_OK)
		if v, _ := o.Ulong(a); v != ck.CKT_TRUSTED {
			t.Errorf("%v is %d afterwards", a, v)
		}
	}
}

// An object can be given up as trusted later on, but not made out to be of another
// certificate; and no change is incomplete.
func TestTrustChanges(t *testing.T) {
	o, _ := create(t, trustTemplate())
	for _, tt := range []struct {
		a    ck.Attribute
		want ck.RV
	}{
		{trust(ck.CKA_TRUST_SERVER_AUTH, ck.CKT_NOT_TRUSTED), ck.CKR_OK},
		{trust(ck.CKA_TRUST_SERVER_AUTH, ck.CKT_TRUSTED), ck.CKR_TEMPLATE_INCONSISTENT},
		{bytesOf(ck.CKA_ISSUER), ck.CKR_ATTRIBUTE_READ_ONLY},
		{ck.Bytes(ck.CKA_HASH_OF_CERTIFICATE, fill(20)), ck.CKR_ATTRIBUTE_READ_ONLY},
	} {
		_, err := o.Set(ck.Template{tt.a}, false)
		wantCode(t, err, tt.want)
	}
}
