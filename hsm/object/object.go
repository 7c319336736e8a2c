// Package object is the objects of PKCS #11: which attributes each class and
// key type has, what they may hold, who may set them and when, and what they are
// when nobody says. The rules are tables; this package walks them.
//
// An Object never changes: Set and Copy return another one. So it can be read
// from many threads without a lock.
//
// What must stay secret (the value of a secret key, the private exponent, the
// primes) is kept apart from the rest, in a Material, so that an object can be
// found and shown without its secret ever being opened.
//
// # What is supported
//
// The table types in types.go lists every class and key type that can be made; a
// new one is a line there and, if it has attributes of its own, a table of rows.
// Anything else is CKR_ATTRIBUTE_VALUE_INVALID. The token itself has the objects of
// the table builtIns.
//
// # What is not supported
//
//   - Attribute and WTLS certificates, and the attributes of the former (CKA_OWNER,
//     CKA_AC_ISSUER, CKA_ATTR_TYPES): nothing here reads them.
//   - Domain parameters of DH and DSA (CKA_PRIME, CKA_SUBPRIME, CKA_BASE and their
//     lengths) and CKA_VALUE_BITS: there are no such keys. Domain parameter objects hold
//     the curve of EC, Edwards and Montgomery keys (CKA_EC_PARAMS).
//   - Hardware features (CKA_HW_FEATURE_TYPE and what displays and counters have):
//     the token has no clock, no counter and no display.
//   - One-time passwords (CKA_OTP_...), CMS (CKA_..._CMS_ATTRIBUTES), GOST, the double
//     ratchet (CKA_X2RATCHET_...), hash-based signatures (CKA_HSS_...), ML-DSA and
//     SLH-DSA: there are no such mechanisms.
//   - CKA_PUBLIC_CRC64_VALUE, which would have to be given with every private key
//     (section 4.9), and no program does.
//   - CKA_SECONDARY_AUTH and CKA_AUTH_PIN_FLAGS, which the standard gave up.
//
// CKA_OBJECT_VALIDATION_FLAGS is 0 and there is no CKO_VALIDATION object, since no
// authority has validated Coffer. That it may run on a validated cryptographic
// library is not its own validation.
//
// # Defaults
//
// Where the standard leaves a default to the token:
//
//   - CKA_PRIVATE is true for private and secret keys and false for the rest; for
//     the security officer, who may not make private objects, it is always false.
//   - CKA_SENSITIVE is true and CKA_EXTRACTABLE false for private and secret keys,
//     however they are made. CKA_EXTRACTABLE=true alone allows a key to be
//     wrapped, not to be read: whoever wants to read it says CKA_SENSITIVE=false
//     too. SoftHSM2 has the same defaults.
//   - A key may do what its type is for (the lists in types.go), so that sparse
//     templates work. CKA_WRAP, CKA_UNWRAP and CKA_DERIVE must be asked for (but
//     CKA_DERIVE on private Montgomery keys, which are for nothing else). A key that is
//     asked to wrap, unwrap or decapsulate, and a secret key that is asked to derive, may do
//     other things only if they are asked for too: together they let a wrapped key
//     be read, or a derived one be computed. Policy may refuse them then.
//
// # Stricter or wider than the standard
//
//   - An object with CKA_TRUSTED is changed by the security officer alone, and
//     somebody else's copy of it is not trusted. The standard says so of
//     certificates; for keys, trust would mean nothing without it.
//   - A copy of a private object is private.
//   - CKA_VALUE_LEN may be given to C_UnwrapKey, and must then be right.
//   - A certificate's subject, issuer, serial number, public key and check value are
//     taken from its value where the template leaves them out. What it says of them
//     must be true, if it says anything and the value can be read: else
//     CKR_TEMPLATE_INCONSISTENT, of the check value CKR_ATTRIBUTE_VALUE_INVALID. A
//     serial number may be given, and searched for, with its DER frame or without.
//   - A certificate on the token is public (CKR_TEMPLATE_INCONSISTENT): whoever looks
//     for one finds it without a login, as the profile Public Certificates Token
//     promises. NSS has the same rule.
//   - A private EC key may hold CKA_EC_POINT; clients look there first.
package object

import (
	"bytes"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Object is an object less its secret attributes.
type Object struct {
	id     api.ObjectID
	attrs  []ck.Attribute // sorted by type, no type twice; nil if packed
	packed []byte         // their encoding (packed.go); nil if there are attrs

	// What is asked on every use of a key, taken out of attrs once.
	schema  *schema
	class   ck.ObjectClass
	keyType ck.KeyType
	usage   usageSet
	truths  truthSet
	owes    bool // OwesCheckValue
}

// Material is the secret attributes of one object: type, length and value of each, one
// after the other (FORMAT.md). It is the secret itself, so that it takes no memory of its
// own.
type Material secret.Bytes

// Origin says how an object comes to be: which rules its template is held to,
// and what CKA_LOCAL and its like will say.
type Origin int

// The ways an object is made.
const (
	Created   Origin = iota // C_CreateObject
	Generated               // C_GenerateKey, C_GenerateKeyPair
	Unwrapped               // C_UnwrapKey
	Derived                 // C_DeriveKey
	Agreed                  // C_EncapsulateKey, C_DecapsulateKey
	Copied                  // C_CopyObject
)

// Request is all that New needs to know.
type Request struct {
	Origin    Origin
	Mechanism ck.MechanismType // of Generated; else CK_UNAVAILABLE_INFORMATION is recorded
	Template  ck.Template      // the caller's
	// Made is what the mechanism computed: class and key type, the material, the
	// public key. It wins over defaults; a template that says otherwise is
	// CKR_TEMPLATE_INCONSISTENT. The numbers and points that make up a key may be
	// given in one form and made in another: there Made wins.
	Made ck.Template
	// Base is the key that a derived key comes from (its sensitivity is handed on),
	// or the unwrapping key, or that of C_EncapsulateKey and C_DecapsulateKey; nil
	// otherwise.
	Base *Object
	Salt *Object // the key that salted a derivation (CKF_HKDF_SALT_KEY), nil if none did
	SO   bool    // the caller is the security officer
	// Deferred says that Made leaves out the CKA_CHECK_VALUE of a secret key, and that the
	// caller sees to it that it is computed before somebody sees it (OwesCheckValue).
	Deferred bool
	// Lane goes into the id, so that objects can be kept apart by who made them without
	// asking: threads which make objects, each in its own lane, need not meet.
	Lane uint8
}

// newObject makes an object of sorted attributes, which it keeps.
func newObject(id api.ObjectID, s *schema, attrs []ck.Attribute) *Object {
	o := &Object{id: id, attrs: attrs, schema: s}
	class, _ := o.Ulong(ck.CKA_CLASS)
	keyType, _ := o.Ulong(ck.CKA_KEY_TYPE)
	o.class, o.keyType = ck.ObjectClass(class), ck.KeyType(keyType)
	for i := range o.attrs {
		o.note(&o.attrs[i])
	}
	return o
}

// ID is the object's name, for ever.
func (o *Object) ID() api.ObjectID { return o.id }

// Class is CKA_CLASS.
func (o *Object) Class() ck.ObjectClass { return o.class }

// KeyType is CKA_KEY_TYPE; it means nothing unless Class is that of a key.
func (o *Object) KeyType() ck.KeyType { return o.keyType }

// Token reports whether the object outlives its session (CKA_TOKEN).
func (o *Object) Token() bool { return o.truths&tokenBit != 0 }

// Private reports whether one must log in to see the object (CKA_PRIVATE).
func (o *Object) Private() bool { return o.truths&privateBit != 0 }

// find returns the attribute of type t; ok is false if there is none.
func (o *Object) find(t ck.AttributeType) (a ck.Attribute, ok bool) {
	if o.packed != nil {
		return o.findPacked(t)
	}
	i := search(len(o.attrs), t, func(i int) ck.AttributeType { return o.attrs[i].Type })
	if i == len(o.attrs) || o.attrs[i].Type != t {
		return a, false
	}
	return o.attrs[i], true
}

// has reports whether there is an attribute of type t.
func (o *Object) has(t ck.AttributeType) bool {
	_, ok := o.find(t)
	return ok
}

// search returns the first of n places, sorted by type, where the type is not
// below t, or n. It is small enough to be inlined together with at.
func search(n int, t ck.AttributeType, at func(int) ck.AttributeType) int {
	lo := 0
	for lo < n {
		mid := int(uint(lo+n) >> 1)
		if at(mid) < t {
			lo = mid + 1
		} else {
			n = mid
		}
	}
	return lo
}

// Bool returns the CK_BBOOL of type t, false if there is none.
func (o *Object) Bool(t ck.AttributeType) bool {
	if bit := truthBit(t); bit != 0 {
		return o.truths&bit != 0
	}
	a, _ := o.find(t)
	return len(a.Value) == 1 && a.Value[0] == ck.CK_TRUE
}

// Ulong returns the CK_ULONG of type t; ok is false if there is none.
func (o *Object) Ulong(t ck.AttributeType) (v uint64, ok bool) {
	a, _ := o.find(t)
	return ck.ParseUlong(a.Value)
}

// Bytes returns the value of type t as package ck encodes it, nil if there is
// none. It is shared and not to be changed.
func (o *Object) Bytes(t ck.AttributeType) []byte {
	a, _ := o.find(t)
	return a.Value
}

// Nested returns the template of type t (CKA_WRAP_TEMPLATE and its like), nil if
// there is none. It is shared and not to be changed.
func (o *Object) Nested(t ck.AttributeType) []ck.Attribute {
	a, _ := o.find(t)
	return a.Nested
}

// Get answers C_GetAttributeValue for one attribute: CKR_OK and a value that is
// shared and not to be changed; CKR_ATTRIBUTE_SENSITIVE for a secret attribute of
// a key that is sensitive or not extractable; CKR_ATTRIBUTE_TYPE_INVALID if the
// object has no such attribute. If inMaterial is true the value may be read and
// is to be had from Material.Get; if it is not there, the answer is
// CKR_ATTRIBUTE_TYPE_INVALID after all.
func (o *Object) Get(t ck.AttributeType) (a ck.Attribute, inMaterial bool, rv ck.RV) {
	r := o.schema.row(t)
	switch {
	case r == nil:
		return ck.Attribute{Type: t}, false, ck.CKR_ATTRIBUTE_TYPE_INVALID
	case r.is(secretValue) && !o.readable():
		return ck.Attribute{Type: t}, false, ck.CKR_ATTRIBUTE_SENSITIVE
	case r.is(secretValue):
		return ck.Attribute{Type: t}, true, ck.CKR_OK
	}
	found, ok := o.find(t)
	if !ok {
		return ck.Attribute{Type: t}, false, ck.CKR_ATTRIBUTE_TYPE_INVALID
	}
	return found, false, ck.CKR_OK
}

// readable reports whether secret attributes may be read in the clear. What is
// not said is no.
func (o *Object) readable() bool {
	return !o.Bool(ck.CKA_SENSITIVE) && o.Bool(ck.CKA_EXTRACTABLE)
}

// sameAttribute compares values, and templates whatever their order. It is not for
// secrets.
func sameAttribute(a, b *ck.Attribute) bool {
	if !bytes.Equal(a.Value, b.Value) || len(a.Nested) != len(b.Nested) {
		return false
	}
	for i := range a.Nested {
		other, ok := ck.Template(b.Nested).Find(a.Nested[i].Type)
		if !ok || !sameAttribute(&a.Nested[i], &other) {
			return false
		}
	}
	return true
}
