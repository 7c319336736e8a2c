package object

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// What derives or decapsulates does so under the template that the unwrapping key
// imposes, or under none.
func TestPolicyOfUnwrapped(t *testing.T) {
	gives := func(a ...ck.Attribute) *Object {
		return secretWith(t, flags{ck.CKA_UNWRAP: true}).having(ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: a})
	}
	says := func(t ck.AttributeType) ck.Attribute {
		return ck.Attribute{Type: t, Nested: []ck.Attribute{ck.Bool(ck.CKA_SENSITIVE, false)}}
	}
	private := func(use ck.AttributeType, more ...ck.Attribute) *Object {
		o, _ := build(t, Request{Origin: Unwrapped, Made: ecPrivateTemplate(ck.CKK_EC),
			Template: append(ck.Template{ck.Bool(use, true)}, more...)})
		return o
	}
	nothing := secretWith(t, flags{ck.CKA_UNWRAP: true})
	derives := secretWith(t, flags{ck.CKA_DERIVE: true})
	derive, decapsulate := ck.Bool(ck.CKA_DERIVE, true), ck.Bool(ck.CKA_DECAPSULATE, true)
	for _, c := range []struct {
		name      string
		base, key *Object
		want      ck.RV
	}{
		{"neither", nothing, secretWith(t, nil), ck.CKR_OK},
		{"readable", nothing, secretWith(t, flags{ck.CKA_SENSITIVE: false}), ck.CKR_TEMPLATE_INCONSISTENT},
		{"derives", nothing, derives, ck.CKR_TEMPLATE_INCONSISTENT},
		{"derives as it is to", gives(derive), derives, ck.CKR_OK},
		{"derives under its own template", gives(derive), derives.having(says(ck.CKA_DERIVE_TEMPLATE)), ck.CKR_TEMPLATE_INCONSISTENT},
		{"derives under the one imposed", gives(derive, says(ck.CKA_DERIVE_TEMPLATE)), derives.having(says(ck.CKA_DERIVE_TEMPLATE)), ck.CKR_OK},
		{"has a template and does not derive", nothing, secretWith(t, nil).having(says(ck.CKA_DERIVE_TEMPLATE)), ck.CKR_OK},
		{"agrees upon secrets", nothing, private(ck.CKA_DERIVE, says(ck.CKA_DERIVE_TEMPLATE)), ck.CKR_OK},
		{"decapsulates", nothing, private(ck.CKA_DECAPSULATE), ck.CKR_TEMPLATE_INCONSISTENT},
		{"decapsulates as it is to", gives(decapsulate), private(ck.CKA_DECAPSULATE), ck.CKR_OK},
		{"decapsulates under its own template", gives(decapsulate), private(ck.CKA_DECAPSULATE, says(ck.CKA_DECAPSULATE_TEMPLATE)), ck.CKR_TEMPLATE_INCONSISTENT},
		{"decapsulates under the one imposed", gives(decapsulate, says(ck.CKA_DECAPSULATE_TEMPLATE)),
			private(ck.CKA_DECAPSULATE, says(ck.CKA_DECAPSULATE_TEMPLATE)), ck.CKR_OK},
	} {
		if err := strict(t).Unwrapped(c.base, c.key); ck.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
