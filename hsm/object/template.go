package object

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Matches reports whether the object has every attribute of tmpl with the value
// given there (C_FindObjectsInit). Secret attributes never match. An attribute
// that the object could have but has not matches an empty value.
func (o *Object) Matches(tmpl ck.Template) bool { return MatchesTemplate(o, tmpl) }

// MatchesTemplate reports whether o fits the value of a CKA_WRAP_TEMPLATE, as
// Matches does.
func MatchesTemplate(o *Object, nested []ck.Attribute) bool {
	for i := range nested {
		if !o.matches(&nested[i]) {
			return false
		}
	}
	return true
}

func (o *Object) matches(a *ck.Attribute) bool {
	have, ok := o.find(a.Type)
	if ok && !sameAttribute(&have, a) && !isSameSerial(&have, a) { // most objects, most of the time
		return false
	}
	r := o.schema.row(a.Type)
	if r == nil || r.is(secretValue) {
		return false
	}
	return ok || len(a.Value) == 0 && len(a.Nested) == 0
}

// isSameSerial lets clients find a certificate by its serial number that put it in
// another form than the one that stored it.
func isSameSerial(have, a *ck.Attribute) bool {
	return a.Type == ck.CKA_SERIAL_NUMBER && sameSerial(have.Value, a.Value)
}

// MergeUnwrapTemplate adds base's CKA_UNWRAP_TEMPLATE to the template of a key to
// be unwrapped with it: CKR_TEMPLATE_INCONSISTENT if they contradict each other.
// tmpl is not changed; values are shared.
func MergeUnwrapTemplate(base *Object, tmpl ck.Template) (ck.Template, error) {
	return merge(tmpl, base.Nested(ck.CKA_UNWRAP_TEMPLATE))
}

// MergeDeriveTemplate does so with CKA_DERIVE_TEMPLATE for a key to be derived.
func MergeDeriveTemplate(base *Object, tmpl ck.Template) (ck.Template, error) {
	return merge(tmpl, base.Nested(ck.CKA_DERIVE_TEMPLATE))
}

// MergeAgreedTemplate does so for the key that C_EncapsulateKey or C_DecapsulateKey
// makes with base: CKA_ENCAPSULATE_TEMPLATE of a public key, CKA_DECAPSULATE_TEMPLATE
// of a private one.
func MergeAgreedTemplate(base *Object, tmpl ck.Template) (ck.Template, error) {
	if base.class == ck.CKO_PUBLIC_KEY {
		return merge(tmpl, base.Nested(ck.CKA_ENCAPSULATE_TEMPLATE))
	}
	return merge(tmpl, base.Nested(ck.CKA_DECAPSULATE_TEMPLATE))
}

func merge(tmpl ck.Template, imposed []ck.Attribute) (ck.Template, error) {
	out := slices.Clone(tmpl)
	for i := range imposed {
		a := &imposed[i]
		given, ok := tmpl.Find(a.Type)
		if ok && !sameAttribute(&given, a) {
			return nil, refuse(ck.CKR_TEMPLATE_INCONSISTENT, a.Type, "is set otherwise by the key's template")
		}
		if !ok {
			out = append(out, *a)
		}
	}
	return out, nil
}

// IsSecret reports whether the attribute t of objects of class is kept in the
// Material.
func IsSecret(class ck.ObjectClass, t ck.AttributeType) bool {
	return (class == ck.CKO_PRIVATE_KEY || class == ck.CKO_SECRET_KEY) && secretTypes[t]
}

// WipeTemplate overwrites the values of secret attributes with zeros. Where the
// template does not say what it is for, all that could be secret is wiped.
func WipeTemplate(t ck.Template) {
	class, known := t.Ulong(ck.CKA_CLASS)
	for _, a := range t {
		if secretTypes[a.Type] && (!known || IsSecret(ck.ObjectClass(class), a.Type)) {
			clear(a.Value)
		}
	}
}
