package object

import "github.com/coffer-hsm/coffer/hsm/ck"

// The rules of what comes of unwrapping.

func unwrappedIsSensitive(base, o *Object) error {
	if o.Bool(ck.CKA_SENSITIVE) || lifted(base, ck.CKA_UNWRAP_TEMPLATE, ck.CKA_SENSITIVE, false) {
		return nil
	}
	return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "an unwrapped key is sensitive, unless the unwrapping key's CKA_UNWRAP_TEMPLATE says otherwise")
}

// unwrappedDoesNotDerive: a key of the same value may come next time, as of a derived key.
func unwrappedDoesNotDerive(base, o *Object) error {
	use, template := ck.CKA_DERIVE, ck.CKA_DERIVE_TEMPLATE
	if o.class == ck.CKO_PRIVATE_KEY { // which derives what others know as well
		use, template = ck.CKA_DECAPSULATE, ck.CKA_DECAPSULATE_TEMPLATE
	}
	switch {
	case !o.Permits(use):
		return nil
	case !lifted(base, ck.CKA_UNWRAP_TEMPLATE, use, true):
		return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "an unwrapped key derives, or decapsulates, only if the unwrapping key's CKA_UNWRAP_TEMPLATE says so")
	case o.has(template) && !imposed(base, ck.CKA_UNWRAP_TEMPLATE, template):
		return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "an unwrapped key has a template for what it derives, or decapsulates, only if the unwrapping key's CKA_UNWRAP_TEMPLATE says which")
	}
	return nil
}

func unwrappedNeedsTrust(base, o *Object) error {
	if !base.Bool(ck.CKA_TRUSTED) || !o.Bool(ck.CKA_EXTRACTABLE) || o.Bool(ck.CKA_WRAP_WITH_TRUSTED) {
		return nil
	}
	return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "what a trusted key has unwrapped leaves under trusted keys only: it needs CKA_WRAP_WITH_TRUSTED")
}

// unwrappedByPairNeedsTrust: a private key has no CKA_TRUSTED, and may belong to a public
// key that has. Pairs of which the private half does more than unwrap wrap nothing that
// cannot be read, trusted or not.
func unwrappedByPairNeedsTrust(base, o *Object) error {
	if base.class != ck.CKO_PRIVATE_KEY || !unwrapsOnly(base) || !o.Bool(ck.CKA_EXTRACTABLE) || o.Bool(ck.CKA_WRAP_WITH_TRUSTED) {
		return nil
	}
	return forbid(ck.CKR_TEMPLATE_INCONSISTENT, "what the private half of a wrapping pair has unwrapped needs CKA_WRAP_WITH_TRUSTED to be extractable, unless the CKA_UNWRAP_TEMPLATE says so")
}

// unwrappingStaysTrusted: a user's copy of a trusted key is not trusted, and would
// unwrap as if nobody had asked for trust.
func unwrappingStaysTrusted(from, to *Object) error {
	if from.Bool(ck.CKA_TRUSTED) && !to.Bool(ck.CKA_TRUSTED) && to.Permits(ck.CKA_UNWRAP) {
		return forbid(ck.CKR_ATTRIBUTE_READ_ONLY, "a copy of a trusted key does not unwrap")
	}
	return nil
}
