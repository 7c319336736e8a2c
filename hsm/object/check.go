package object

import "github.com/coffer-hsm/coffer/hsm/ck"

// checkWhole sees whether the attributes agree with one another.
func (o *Object) checkWhole() error {
	if o.schema.check == nil {
		return nil
	}
	return o.schema.check(o)
}

// checkPrivateKey: CKA_ALWAYS_AUTHENTICATE needs somebody to authenticate
// (section 4.9).
func checkPrivateKey(o *Object) error {
	if o.Bool(ck.CKA_ALWAYS_AUTHENTICATE) && !o.Private() {
		return refuse(ck.CKR_TEMPLATE_INCONSISTENT, ck.CKA_ALWAYS_AUTHENTICATE, "needs CKA_PRIVATE")
	}
	return nil
}

// checkCertificate: a certificate is here or elsewhere, and if elsewhere it can be
// told by its keys (section 4.6.3).
func checkCertificate(o *Object) error {
	needed := []ck.AttributeType{ck.CKA_VALUE}
	if len(o.Bytes(ck.CKA_URL)) > 0 {
		needed = []ck.AttributeType{ck.CKA_HASH_OF_SUBJECT_PUBLIC_KEY, ck.CKA_HASH_OF_ISSUER_PUBLIC_KEY}
	}
	for _, t := range needed {
		if len(o.Bytes(t)) == 0 {
			return refuse(ck.CKR_TEMPLATE_INCOMPLETE, t, "is missing")
		}
	}
	if o.Token() && o.Private() {
		return refuse(ck.CKR_TEMPLATE_INCONSISTENT, ck.CKA_PRIVATE, "is false for the token's certificates")
	}
	if c, _ := o.Ulong(ck.CKA_CERTIFICATE_CATEGORY); c > ck.CK_CERTIFICATE_CATEGORY_OTHER_ENTITY {
		return refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, ck.CKA_CERTIFICATE_CATEGORY, "is not known")
	}
	if d, _ := o.Ulong(ck.CKA_JAVA_MIDP_SECURITY_DOMAIN); d > ck.CK_SECURITY_DOMAIN_THIRD_PARTY {
		return refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, ck.CKA_JAVA_MIDP_SECURITY_DOMAIN, "is not known")
	}
	return checkCertified(o)
}
