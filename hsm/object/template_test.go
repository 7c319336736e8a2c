package object

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func TestMatches(t *testing.T) {
	nested := func(in ...ck.Attribute) ck.Attribute { return ck.Attribute{Type: ck.CKA_WRAP_TEMPLATE, Nested: in} }
	sign, label := ck.Bool(ck.CKA_SIGN, true), ck.String(ck.CKA_LABEL, "inner")
	o, _ := create(t, plus(aesTemplate(), ck.String(ck.CKA_LABEL, "a"), nested(sign, label),
		ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true)))
	tests := []struct {
		name string
		tmpl ck.Template
		want bool
	}{
		{"nothing", nil, true},
		{"class", ck.Template{class(ck.CKO_SECRET_KEY)}, true},
		{"other class", ck.Template{class(ck.CKO_DATA)}, false},
		{"class and label", ck.Template{class(ck.CKO_SECRET_KEY), ck.String(ck.CKA_LABEL, "a")}, true},
		{"class and other label", ck.Template{class(ck.CKO_SECRET_KEY), ck.String(ck.CKA_LABEL, "b")}, false},
		{"start of the label", ck.Template{ck.Bytes(ck.CKA_LABEL, nil)}, false},
		{"empty id", ck.Template{ck.Bytes(ck.CKA_ID, nil)}, true},
		{"unset and empty", ck.Template{ck.Bytes(ck.CKA_ALLOWED_MECHANISMS, nil)}, true},
		{"unset and not empty", ck.Template{ck.Bytes(ck.CKA_ALLOWED_MECHANISMS, make([]byte, 8))}, false},
		{"unset template", ck.Template{{Type: ck.CKA_UNWRAP_TEMPLATE}}, true},
		{"readable secret", ck.Template{value(16)}, false},
		{"empty secret", ck.Template{ck.Bytes(ck.CKA_VALUE, nil)}, false},
		{"of another class", ck.Template{ck.Bytes(ck.CKA_MODULUS, nil)}, false},
		{"unknown", ck.Template{ck.Bytes(ck.CKA_VENDOR_DEFINED, nil)}, false},
		{"unique id", ck.Template{ck.Bytes(ck.CKA_UNIQUE_ID, o.Bytes(ck.CKA_UNIQUE_ID))}, true},
		{"narrow number", ck.Template{ck.Bytes(ck.CKA_CLASS, []byte{4, 0, 0, 0})}, false},
		{"nested", ck.Template{nested(sign, label)}, true},
		{"nested in another order", ck.Template{nested(label, sign)}, true},
		{"part of nested", ck.Template{nested(sign)}, false},
		{"other nested", ck.Template{nested(ck.Bool(ck.CKA_SIGN, false), label)}, false},
		{"nested as bytes", ck.Template{ck.Bytes(ck.CKA_WRAP_TEMPLATE, nil)}, false},
	}
	for _, tt := range tests {
		if o.Matches(tt.tmpl) != tt.want || MatchesTemplate(o, tt.tmpl) != tt.want {
			t.Errorf("%s: %v", tt.name, !tt.want)
		}
	}
}

// The value of a data object or a certificate is no secret, and is found.
func TestMatchesOpenValue(t *testing.T) {
	o, _ := create(t, dataTemplate())
	if !o.Matches(ck.Template{value(5)}) || o.Matches(ck.Template{value(6)}) {
		t.Error("data is not found by its value")
	}
}

func TestMergeTemplates(t *testing.T) {
	imposed := []ck.Attribute{ck.Bool(ck.CKA_EXTRACTABLE, false), ck.Bool(ck.CKA_SENSITIVE, true)}
	base, _ := create(t, plus(aesTemplate(), ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: imposed}))
	tests := []struct {
		name string
		tmpl ck.Template
		want ck.RV
		n    int
	}{
		{"nothing given", nil, ck.CKR_OK, 2},
		{"other given", ck.Template{ck.String(ck.CKA_LABEL, "x")}, ck.CKR_OK, 3},
		{"same given", ck.Template{ck.Bool(ck.CKA_SENSITIVE, true)}, ck.CKR_OK, 2},
		{"otherwise given", ck.Template{ck.Bool(ck.CKA_EXTRACTABLE, true)}, ck.CKR_TEMPLATE_INCONSISTENT, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := MergeUnwrapTemplate(base, tt.tmpl)
			wantCode(t, err, tt.want)
			if len(got) != tt.n {
				t.Errorf("%d attributes", len(got))
			}
			for _, a := range imposed {
				if v, ok := got.Find(a.Type); err == nil && (!ok || !bytes.Equal(v.Value, a.Value)) {
					t.Errorf("%v is not imposed", a.Type)
				}
			}
			if same, err := MergeDeriveTemplate(base, tt.tmpl); err != nil || len(same) != len(tt.tmpl) {
				t.Error("a template for unwrapping is used for deriving")
			}
		})
	}
	base, _ = create(t, plus(aesTemplate(), ck.Attribute{Type: ck.CKA_DERIVE_TEMPLATE, Nested: imposed}))
	_, err := MergeDeriveTemplate(base, ck.Template{ck.Bool(ck.CKA_EXTRACTABLE, true)})
	wantCode(t, err, ck.CKR_TEMPLATE_INCONSISTENT)
}

// The caller's slice may have room at its end that belongs to somebody else.
func TestMergeLeavesTheTemplateAlone(t *testing.T) {
	base, _ := create(t, plus(aesTemplate(), ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: []ck.Attribute{ck.Bool(ck.CKA_SIGN, true)}}))
	room := ck.Template{ck.String(ck.CKA_LABEL, "x"), ck.String(ck.CKA_ID, "mine")}
	if _, err := MergeUnwrapTemplate(base, room[:1]); err != nil || room[1].Type != ck.CKA_ID {
		t.Error("the template was written to", err)
	}
}

func TestIsSecret(t *testing.T) {
	for _, tt := range []struct {
		class ck.ObjectClass
		t     ck.AttributeType
		want  bool
	}{
		{ck.CKO_SECRET_KEY, ck.CKA_VALUE, true},
		{ck.CKO_PRIVATE_KEY, ck.CKA_VALUE, true},
		{ck.CKO_PRIVATE_KEY, ck.CKA_PRIVATE_EXPONENT, true},
		{ck.CKO_PRIVATE_KEY, ck.CKA_COEFFICIENT, true},
		{ck.CKO_PRIVATE_KEY, ck.CKA_MODULUS, false},
		{ck.CKO_PUBLIC_KEY, ck.CKA_VALUE, false},
		{ck.CKO_DATA, ck.CKA_VALUE, false},
		{ck.CKO_CERTIFICATE, ck.CKA_VALUE, false},
		{ck.CKO_SECRET_KEY, ck.CKA_CHECK_VALUE, false},
	} {
		if IsSecret(tt.class, tt.t) != tt.want {
			t.Errorf("%v of %v: %v", tt.t, tt.class, !tt.want)
		}
	}
}

func TestWipeTemplate(t *testing.T) {
	wiped := func(tmpl ck.Template, a ck.AttributeType) bool {
		WipeTemplate(tmpl)
		found, _ := tmpl.Find(a)
		return len(found.Value) > 0 && !bytes.ContainsFunc(found.Value, func(r rune) bool { return r != 0 })
	}
	if !wiped(aesTemplate(), ck.CKA_VALUE) || !wiped(rsaPrivateTemplate(), ck.CKA_PRIVATE_EXPONENT) {
		t.Error("a secret is left")
	}
	if !wiped(without(aesTemplate(), ck.CKA_CLASS), ck.CKA_VALUE) {
		t.Error("a secret is left where the class is not said")
	}
	if wiped(dataTemplate(), ck.CKA_VALUE) || wiped(rsaPrivateTemplate(), ck.CKA_MODULUS) {
		t.Error("what is no secret is wiped")
	}
}
