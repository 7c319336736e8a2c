package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// decided are the attributes that the partition decides upon and nobody hands over.
// Where the key came into being, and that it was always kept, would not be true: it
// has been outside (PKCS #11 sections 4.7, 4.9 and 4.10).
var decided = []ck.AttributeType{
	ck.CKA_TOKEN, ck.CKA_UNIQUE_ID, ck.CKA_LOCAL, ck.CKA_KEY_GEN_MECHANISM,
	ck.CKA_ALWAYS_SENSITIVE, ck.CKA_NEVER_EXTRACTABLE,
	ck.CKA_MODULUS_BITS, ck.CKA_VALUE_LEN, ck.CKA_SECONDARY_AUTH, ck.CKA_AUTH_PIN_FLAGS,
}

// recomputed are attributes of keys that follow from the key: other stores leave them
// empty or compute them otherwise.
var recomputed = []ck.AttributeType{ck.CKA_PUBLIC_KEY_INFO, ck.CKA_CHECK_VALUE}

// optional are attributes for which an empty value means that there is none.
var optional = []ck.AttributeType{
	ck.CKA_ALLOWED_MECHANISMS, ck.CKA_WRAP_TEMPLATE, ck.CKA_UNWRAP_TEMPLATE, ck.CKA_DERIVE_TEMPLATE,
	ck.CKA_PRIME_1, ck.CKA_PRIME_2, ck.CKA_EXPONENT_1, ck.CKA_EXPONENT_2, ck.CKA_COEFFICIENT,
	ck.CKA_EC_POINT, ck.CKA_PUBLIC_EXPONENT, ck.CKA_CHECK_VALUE, ck.CKA_PUBLIC_KEY_INFO,
}

// carry returns the template that asks a partition for o, without CKA_TOKEN, and what
// of o it leaves behind. Values are shared with o.
func carry(o *Object) (tmpl ck.Template, notes []string) {
	for _, a := range o.Attrs {
		isKey := o.isKey()
		empty := len(a.Value) == 0 && len(a.Nested) == 0
		switch trusted, _ := o.Attrs.Bool(ck.CKA_TRUSTED); {
		case slices.Contains(decided, a.Type):
		case isKey && slices.Contains(recomputed, a.Type):
		case empty && slices.Contains(optional, a.Type):
		case a.Type == ck.CKA_TRUSTED:
			if trusted {
				notes = append(notes, "is not trusted (CKA_TRUSTED): the SO says so anew")
			}
		case a.Type >= ck.CKA_VENDOR_DEFINED:
			if !empty {
				notes = append(notes, fmt.Sprintf("leaves the attribute %v behind", a.Type))
			}
		default:
			tmpl = append(tmpl, a)
		}
	}
	return tmpl, notes
}

func (o *Object) isKey() bool {
	switch o.Class() {
	case ck.CKO_PUBLIC_KEY, ck.CKO_PRIVATE_KEY, ck.CKO_SECRET_KEY:
		return true
	}
	return false
}

// with returns tmpl with an attribute set, and without with none of a type. tmpl is not
// changed.
func with(tmpl ck.Template, a ck.Attribute) ck.Template { return append(without(tmpl, a.Type), a) }

func without(tmpl ck.Template, t ck.AttributeType) ck.Template {
	return slices.DeleteFunc(slices.Clone(tmpl), func(a ck.Attribute) bool { return a.Type == t })
}

// foreignTypes are the key types that other stores have and this module has not, nor
// will have (README, "What does not").
var foreignTypes = []ck.KeyType{
	ck.CKK_DSA, ck.CKK_DH, ck.CKK_X9_42_DH, ck.CKK_DES, ck.CKK_DES2, ck.CKK_DES3, ck.CKK_RC2, ck.CKK_RC4, ck.CKK_RC5,
	ck.CKK_CAMELLIA, ck.CKK_SEED, ck.CKK_GOSTR3410, ck.CKK_GOSTR3411, ck.CKK_GOST28147, ck.CKK_MD5_HMAC,
}

// foreign says why an object cannot come over whatever its values.
func foreign(o *Object) (why string, is bool) {
	kt, ok := o.KeyType()
	if !ok || !slices.Contains(foreignTypes, kt) {
		return "", false
	}
	return fmt.Sprintf("Coffer has no %s", strings.TrimPrefix(kt.String(), "CKK_")), true
}
