package object

import (
	"bytes"
	"crypto/fips140"
	"crypto/sha1"
	"encoding/asn1"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// certified are the attributes that repeat what a certificate says, and what counts
// as the same: given is the attribute, der is taken from the certificate.
var certified = []struct {
	typ  ck.AttributeType
	same func(given, der []byte) bool
}{
	{ck.CKA_SUBJECT, sameName},
	{ck.CKA_ISSUER, sameName},
	{ck.CKA_SERIAL_NUMBER, isSerial},
	{ck.CKA_PUBLIC_KEY_INFO, bytes.Equal},
}

// checkCertified holds the attributes that repeat what a certificate says against
// it. Empty ones say nothing, and of a value that is no DER nothing is known.
func checkCertified(o *Object) error {
	value := o.Bytes(ck.CKA_VALUE)
	parts := parseCertificate(value)
	for _, c := range certified {
		given, der := o.Bytes(c.typ), parts[c.typ]
		if len(given) > 0 && der != nil && !c.same(given, der) {
			return refuse(ck.CKR_TEMPLATE_INCONSISTENT, c.typ, "is not that of the certificate")
		}
	}
	given, sum := o.Bytes(ck.CKA_CHECK_VALUE), certificateSum(value)
	if len(given) > 0 && sum != nil && !bytes.Equal(given, sum) {
		return refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, ck.CKA_CHECK_VALUE, "is not that of the value")
	}
	return nil
}

// certificateSum computes CKA_CHECK_VALUE (section 4.6.2): the first three bytes of
// the SHA-1 of the certificate. It is nil where there is none, or no SHA-1.
func certificateSum(value []byte) []byte {
	if len(value) == 0 || fips140.Enforced() {
		return nil
	}
	sum := sha1.Sum(value)
	return slices.Clone(sum[:3])
}

func certificateCheckSum(d *draft, _ ck.AttributeType) []byte {
	return certificateSum(d.value(ck.CKA_VALUE))
}

// isSerial reports whether given is the serial number der, a DER INTEGER, as clients
// put it: DER as the standard wants it (OpenSC, GnuTLS, NSS), its contents only
// (Java), or those the other way round (.NET).
func isSerial(given, der []byte) bool {
	if sameSerial(given, der) {
		return true
	}
	backwards := slices.Clone(given)
	slices.Reverse(backwards)
	return bytes.Equal(unpadded(backwards), serialNumber(der))
}

// sameSerial reports whether a and b are one serial number, each in DER or without
// its frame. No number is not the number zero.
func sameSerial(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	x, y := serialNumber(a), serialNumber(b)
	return bytes.Equal(x, y) || bytes.Equal(unpadded(a), y) || bytes.Equal(x, unpadded(b))
}

// serialNumber takes the frame of a DER INTEGER off, if there is one.
func serialNumber(v []byte) []byte {
	if e, rest, ok := element(v); ok && len(rest) == 0 && e.Tag == asn1.TagInteger {
		v = e.Bytes
	}
	return unpadded(v)
}

// BareSerial is the same for all values of CKA_SERIAL_NUMBER by which a search finds
// the same certificate: without the frame, or several.
func BareSerial(v []byte) []byte {
	for {
		bare := serialNumber(v)
		if len(bare) == len(v) {
			return bare
		}
		v = bare
	}
}

func unpadded(v []byte) []byte { return bytes.TrimLeft(v, "\x00") }

// nameSet and namePart are RelativeDistinguishedName and AttributeTypeAndValue
// (RFC 5280, section 4.1.2.4).
type (
	nameSet  []namePart
	namePart struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
)

// sameName reports whether two DER names are the same but for the types of their
// strings, which are lost where a client builds a name anew.
func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, y := parseName(a), parseName(b)
	return x != nil && slices.EqualFunc(x, y, func(x, y nameSet) bool { return slices.EqualFunc(x, y, samePart) })
}

func samePart(a, b namePart) bool {
	return a.Type.Equal(b.Type) && bytes.Equal(a.Value.Bytes, b.Value.Bytes)
}

// parseName returns the parts of a name, nil if it is none or has none.
func parseName(der []byte) []nameSet {
	var raw []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &raw); err != nil || len(rest) > 0 {
		return nil
	}
	var name []nameSet
	for _, r := range raw {
		var set nameSet
		if rest, err := asn1.UnmarshalWithParams(r.FullBytes, &set, "set"); err != nil || len(rest) > 0 {
			return nil
		}
		name = append(name, set)
	}
	return name
}
