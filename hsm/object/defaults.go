package object

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// fallback computes what the attribute t is when nobody has said. nil means that
// it is not there. The result is shared and never changed.
type fallback func(d *draft, t ck.AttributeType) []byte

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

func no(*draft, ck.AttributeType) []byte    { return falseValue }
func yes(*draft, ck.AttributeType) []byte   { return trueValue }
func empty(*draft, ck.AttributeType) []byte { return emptyValue }
func zero(*draft, ck.AttributeType) []byte  { return zeroValue }

// sha1Hash is the default of CKA_NAME_HASH_ALGORITHM (section 4.6.3).
func sha1Hash(*draft, ck.AttributeType) []byte { return sha1Value }

func uniqueID(d *draft, _ ck.AttributeType) []byte { return nameOf(d.id) }

// notForSO is true unless the caller is the security officer, who could not even
// see what he made.
func notForSO(d *draft, _ ck.AttributeType) []byte { return boolValue(!d.req.SO) }

func generated(d *draft, _ ck.AttributeType) []byte { return boolValue(d.req.Origin == Generated) }

func generatedBy(d *draft, _ ck.AttributeType) []byte {
	if d.req.Origin != Generated {
		return noneValue
	}
	return ck.AppendUlong(nil, uint64(d.req.Mechanism))
}

// usual is what keys of the type are for. A template that asks for wrapping or, of a
// secret key, deriving asks for that alone: a key that does more reads what it wraps,
// or computes what it derives.
func usual(d *draft, t ck.AttributeType) []byte {
	if d.schema.usual&usageBit(t) == 0 {
		return falseValue
	}
	for _, asked := range exclusive[d.schema.class] {
		if d.given(asked) && (d.schema.class != ck.CKO_PUBLIC_KEY || t == ck.CKA_ENCRYPT) {
			return falseValue
		}
	}
	return trueValue
}

// exclusive are the uses that do away with the usual ones. A public key may verify
// whatever else it does.
var exclusive = map[ck.ObjectClass][]ck.AttributeType{
	ck.CKO_PUBLIC_KEY:  {ck.CKA_WRAP},
	ck.CKO_PRIVATE_KEY: {ck.CKA_UNWRAP, ck.CKA_DECAPSULATE},
	ck.CKO_SECRET_KEY:  {ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_DERIVE},
}

// alwaysSensitive and neverExtractable follow sections 4.9, 4.10 and, for derived
// keys, what all derivation mechanisms of chapter 6 have in common.
func alwaysSensitive(d *draft, _ ck.AttributeType) []byte {
	return boolValue(d.always(ck.CKA_ALWAYS_SENSITIVE) && d.bool(ck.CKA_SENSITIVE))
}

func neverExtractable(d *draft, _ ck.AttributeType) []byte {
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

func fromCertificate(d *draft, t ck.AttributeType) []byte {
	if v := parseCertificate(d.value(ck.CKA_VALUE))[t]; v != nil {
		return v
	}
	if t == ck.CKA_SUBJECT { // the one that must be there
		return nil
	}
	return emptyValue
}
