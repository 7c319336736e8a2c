package object

import (
	"encoding/binary"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// usageSet has a bit for each attribute that lets a key be used in some way.
type usageSet uint16

const (
	encapsulateBit usageSet = 1 << (ck.CKA_DERIVE - ck.CKA_ENCRYPT + 1)
	decapsulateBit          = encapsulateBit << 1
)

// usageBit returns the bit of t, 0 if it is no usage attribute. The standard
// numbers CKA_ENCRYPT to CKA_DERIVE in a row.
func usageBit(t ck.AttributeType) usageSet {
	switch {
	case t >= ck.CKA_ENCRYPT && t <= ck.CKA_DERIVE:
		return 1 << (t - ck.CKA_ENCRYPT)
	case t == ck.CKA_ENCAPSULATE:
		return encapsulateBit
	case t == ck.CKA_DECAPSULATE:
		return decapsulateBit
	}
	return 0
}

// truthSet has a bit for each attribute of type CK_BBOOL, beside the uses, that is asked
// for by rules and calls, and one that says whether another attribute is there.
type truthSet uint16

const (
	tokenBit truthSet = 1 << iota
	privateBit
	sensitiveBit
	extractableBit
	neverExtractableBit
	localBit
	trustedBit
	modifiableBit
	copyableBit
	destroyableBit
	wrapWithTrustedBit
	alwaysAuthenticateBit
	allowedMechanismsBit // that CKA_ALLOWED_MECHANISMS is there
)

// truthBit returns the bit of t, 0 if it has none.
func truthBit(t ck.AttributeType) truthSet {
	switch t {
	case ck.CKA_TOKEN:
		return tokenBit
	case ck.CKA_PRIVATE:
		return privateBit
	case ck.CKA_SENSITIVE:
		return sensitiveBit
	case ck.CKA_EXTRACTABLE:
		return extractableBit
	case ck.CKA_NEVER_EXTRACTABLE:
		return neverExtractableBit
	case ck.CKA_LOCAL:
		return localBit
	case ck.CKA_TRUSTED:
		return trustedBit
	case ck.CKA_MODIFIABLE:
		return modifiableBit
	case ck.CKA_COPYABLE:
		return copyableBit
	case ck.CKA_DESTROYABLE:
		return destroyableBit
	case ck.CKA_WRAP_WITH_TRUSTED:
		return wrapWithTrustedBit
	case ck.CKA_ALWAYS_AUTHENTICATE:
		return alwaysAuthenticateBit
	}
	return 0
}

// Permits reports whether the key may be used so: usage is CKA_ENCRYPT and its
// like. Any other attribute permits nothing.
func (o *Object) Permits(usage ck.AttributeType) bool { return o.usage&usageBit(usage) != 0 }

// Allows reports whether the key may be used with mechanism m: CKA_ALLOWED_MECHANISMS
// (section 4.7) names it or is not there. An empty list allows nothing.
func (o *Object) Allows(m ck.MechanismType) bool {
	if o.truths&allowedMechanismsBit == 0 {
		return true
	}
	a, _ := o.find(ck.CKA_ALLOWED_MECHANISMS)
	for v := a.Value; len(v) >= ck.UlongSize; v = v[ck.UlongSize:] {
		if ck.MechanismType(binary.LittleEndian.Uint64(v)) == m {
			return true
		}
	}
	return false
}
