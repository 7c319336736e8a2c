package object

import (
	"encoding/asn1"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// tbsFields are the elements of TBSCertificate (RFC 5280, section 4.1) that follow
// the version, as far as objects need them, and where those go.
var tbsFields = []struct {
	tag int
	to  ck.AttributeType
}{
	{asn1.TagInteger, ck.CKA_SERIAL_NUMBER},
	{asn1.TagSequence, nowhere}, // signature
	{asn1.TagSequence, ck.CKA_ISSUER},
	{asn1.TagSequence, nowhere}, // validity
	{asn1.TagSequence, ck.CKA_SUBJECT},
	{asn1.TagSequence, ck.CKA_PUBLIC_KEY_INFO},
}

const nowhere = ck.CKA_VENDOR_DEFINED

// parseCertificate returns the attributes that can be read off a certificate, DER
// each; none if der is not one. Nothing but its shape is looked at: one that
// crypto/x509 would refuse can be stored all the same.
func parseCertificate(der []byte) map[ck.AttributeType][]byte {
	outer, rest, ok := element(der)
	if !ok || len(rest) > 0 || outer.Tag != asn1.TagSequence {
		return nil
	}
	tbs, _, ok := element(outer.Bytes)
	if !ok || tbs.Tag != asn1.TagSequence {
		return nil
	}
	rest = tbs.Bytes
	var version asn1.RawValue
	if after, err := asn1.Unmarshal(rest, &version); err == nil && version.Class == asn1.ClassContextSpecific {
		rest = after
	}
	out := map[ck.AttributeType][]byte{}
	for _, f := range tbsFields {
		var e asn1.RawValue
		if e, rest, ok = element(rest); !ok || e.Tag != f.tag {
			return nil
		}
		out[f.to] = e.FullBytes
	}
	return out
}

// element splits the first element off der, which must be of a universal type and
// in pieces if it is a sequence.
func element(der []byte) (e asn1.RawValue, rest []byte, ok bool) {
	rest, err := asn1.Unmarshal(der, &e)
	ok = err == nil && e.Class == asn1.ClassUniversal && e.IsCompound == (e.Tag == asn1.TagSequence)
	return e, rest, ok
}
