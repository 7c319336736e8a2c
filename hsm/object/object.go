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
package object

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Object is an object less its secret attributes.
type Object struct {
	id    api.ObjectID
	attrs []ck.Attribute // sorted by type, no type twice
}

// Material is the secret attributes of one object.
type Material struct {
	// bytes holds type, length and value of each, one after the other (FORMAT.md).
	bytes *secret.Bytes
}

// Origin says how an object comes to be: which rules its template is held to,
// and what CKA_LOCAL and its like will say.
type Origin int

// The ways an object is made.
const (
	Created   Origin = iota // C_CreateObject
	Generated               // C_GenerateKey, C_GenerateKeyPair
	Unwrapped               // C_UnwrapKey
	Derived                 // C_DeriveKey
	Copied                  // C_CopyObject
)

// Request is all that New needs to know.
type Request struct {
	Origin    Origin
	Mechanism ck.MechanismType // of Generated; else CK_UNAVAILABLE_INFORMATION is recorded
	Template  ck.Template      // the caller's
	// Made is what the mechanism computed: class and key type, the material, the
	// public key. It wins over defaults; a template that says otherwise is
	// CKR_TEMPLATE_INCONSISTENT.
	Made ck.Template
	// Base is the key that a derived key comes from (its sensitivity is handed on),
	// or the unwrapping key; nil otherwise.
	Base *Object
	SO   bool // the caller is the security officer
}
