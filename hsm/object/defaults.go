package object

import (
	"encoding/hex"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// compute says what the attribute t is when nobody has said. nil means that
// it is not there. The result is not changed, and good for as long as the draft.
type compute func(d *draft, t ck.AttributeType) []byte

// fallback is a default: a value, or what computes it.
type fallback struct {
	value   []byte
	compute compute
}

// of is the default of an object in the making.
func (f *fallback) of(d *draft, t ck.AttributeType) []byte {
	if f.compute == nil {
		return f.value
	}
	return f.compute(d, t)
}

// The defaults that the tables name.
var (
	no       = &fallback{value: falseValue}
	yes      = &fallback{value: trueValue}
	empty    = &fallback{value: emptyValue}
	zero     = &fallback{value: zeroValue}
	sha1Hash = &fallback{value: sha1Value} // of CKA_NAME_HASH_ALGORITHM (section 4.6.3)

	uniqueID         = &fallback{compute: nameOfDraft}
	notForSO         = &fallback{compute: unlessSO}
	generated        = &fallback{compute: isGenerated}
	generatedBy      = &fallback{compute: generator}
	usual            = &fallback{compute: usualUse}
	alwaysSensitive  = &fallback{compute: sensitiveEver}
	neverExtractable = &fallback{compute: extractableNever}
	fromCertificate  = &fallback{compute: certifiedField}
	checkSum         = &fallback{compute: certificateCheckSum}
)

var (
	falseValue = []byte{ck.CK_FALSE}
	trueValue  = []byte{ck.CK_TRUE}
	emptyValue = []byte{}
	zeroValue  = ck.AppendUlong(nil, 0)
	sha1Value  = ck.AppendUlong(nil, uint64(ck.CKM_SHA_1))
	noneValue  = ck.AppendUlong(nil, ck.Unavailable)
)

func boolValue(v bool) []byte {
	if v {
		return trueValue
	}
	return falseValue
}

func nameOfDraft(d *draft, _ ck.AttributeType) []byte {
	hex.Encode(d.name[:], d.id[:])
	return d.name[:]
}

// unlessSO is true unless the caller is the security officer, who could not even
// see what he made.
func unlessSO(d *draft, _ ck.AttributeType) []byte { return boolValue(!d.req.SO) }

func isGenerated(d *draft, _ ck.AttributeType) []byte { return boolValue(d.req.Origin == Generated) }

func generator(d *draft, _ ck.AttributeType) []byte {
	if d.req.Origin != Generated {
		return noneValue
	}
	return ck.AppendUlong(d.number[:0], uint64(d.req.Mechanism))
}

// usualUse is what keys of the type are for. A template that asks for wrapping or, of a
// secret key, deriving asks for that alone: a key that does more reads what it wraps,
// or computes what it derives.
func usualUse(d *draft, t ck.AttributeType) []byte {
	if d.schema.usual&usageBit(t) == 0 {
		return falseValue
	}
	if (d.schema.class != ck.CKO_PUBLIC_KEY || t == ck.CKA_ENCRYPT) && d.asksExclusive() {
		return falseValue
	}
	return trueValue
}

// asksExclusive reports whether the template asks for an exclusive use.
func (d *draft) asksExclusive() bool {
	if d.exclusive == unasked {
		d.exclusive = isNot
		if slices.ContainsFunc(exclusive[d.schema.class], d.given) {
			d.exclusive = is
		}
	}
	return d.exclusive == is
}

// exclusive are the uses that do away with the usual ones. A public key may verify
// whatever else it does.
var exclusive = map[ck.ObjectClass][]ck.AttributeType{
	ck.CKO_PUBLIC_KEY:  {ck.CKA_WRAP},
	ck.CKO_PRIVATE_KEY: {ck.CKA_UNWRAP, ck.CKA_DECAPSULATE},
	ck.CKO_SECRET_KEY:  {ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_DERIVE},
}

// sensitiveEver and extractableNever follow sections 4.9, 4.10 and, for derived
// keys, what all derivation mechanisms of chapter 6 have in common.
func sensitiveEver(d *draft, _ ck.AttributeType) []byte {
	return boolValue(d.always(ck.CKA_ALWAYS_SENSITIVE) && d.bool(ck.CKA_SENSITIVE))
}

func extractableNever(d *draft, _ ck.AttributeType) []byte {
	return boolValue(d.always(ck.CKA_NEVER_EXTRACTABLE) && !d.bool(ck.CKA_EXTRACTABLE))
}

// always reports whether t can be true at all: the secret came into being here,
// or out of a key of which t is true.
func (d *draft) always(t ck.AttributeType) bool {
	switch d.req.Origin {
	case Generated:
		return true
	case Derived:
		return d.req.Base != nil && d.req.Base.Bool(t)
	}
	return false
}

func certifiedField(d *draft, t ck.AttributeType) []byte {
	if v := parseCertificate(d.value(ck.CKA_VALUE))[t]; v != nil {
		return v
	}
	if t == ck.CKA_SUBJECT { // the one that must be there
		return nil
	}
	return emptyValue
}
