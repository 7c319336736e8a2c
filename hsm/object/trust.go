package object

import "github.com/coffer-hsm/coffer/hsm/ck"

// trusts are the attributes of type CK_TRUST.
var trusts = []ck.AttributeType{
	ck.CKA_TRUST_SERVER_AUTH,
	ck.CKA_TRUST_CLIENT_AUTH,
	ck.CKA_TRUST_CODE_SIGNING,
	ck.CKA_TRUST_EMAIL_PROTECTION,
	ck.CKA_TRUST_IPSEC_IKE,
	ck.CKA_TRUST_TIME_STAMPING,
	ck.CKA_TRUST_OCSP_SIGNING,
}

// doubts are the CK_TRUST values that can be told of a certificate without knowing
// more of it than its issuer and serial number (section 4.7.2, footnote 2).
var doubts = map[uint64]bool{ck.CKT_TRUST_UNKNOWN: true, ck.CKT_NOT_TRUSTED: true}

// hashSizes are the lengths, in bytes, of what CKA_NAME_HASH_ALGORITHM may name.
var hashSizes = map[ck.MechanismType]int{
	ck.CKM_SHA_1:      20,
	ck.CKM_SHA224:     28,
	ck.CKM_SHA256:     32,
	ck.CKM_SHA384:     48,
	ck.CKM_SHA512:     64,
	ck.CKM_SHA512_224: 28,
	ck.CKM_SHA512_256: 32,
	ck.CKM_SHA3_224:   28,
	ck.CKM_SHA3_256:   32,
	ck.CKM_SHA3_384:   48,
	ck.CKM_SHA3_512:   64,
}

// checkTrust: whoever trusts a certificate says which one, by its hash
// (section 4.7.2).
func checkTrust(o *Object) error {
	named := len(o.Bytes(ck.CKA_HASH_OF_CERTIFICATE)) > 0
	for _, t := range trusts {
		v, _ := o.Ulong(t)
		switch {
		case v > ck.CKT_TRUST_MUST_VERIFY_TRUST:
			return refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, t, "is not known")
		case !doubts[v] && !named:
			return refuse(ck.CKR_TEMPLATE_INCOMPLETE, ck.CKA_HASH_OF_CERTIFICATE, "is missing")
		}
	}
	return checkHash(o, ck.CKA_HASH_OF_CERTIFICATE)
}

// checkHash holds a hash that is not empty against the length that
// CKA_NAME_HASH_ALGORITHM gives it.
func checkHash(o *Object, t ck.AttributeType) error {
	algorithm, _ := o.Ulong(ck.CKA_NAME_HASH_ALGORITHM)
	size, known := hashSizes[ck.MechanismType(algorithm)]
	switch n := len(o.Bytes(t)); {
	case n == 0:
		return nil
	case !known:
		return refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, ck.CKA_NAME_HASH_ALGORITHM, "is not known")
	case n != size:
		return refuse(ck.CKR_TEMPLATE_INCONSISTENT, t, "is not as long as CKA_NAME_HASH_ALGORITHM makes it")
	}
	return nil
}
