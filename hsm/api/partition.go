package api

import (
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// ObjectID names an object for ever: random but for a few bits that tell where it was made,
// the value of CKA_UNIQUE_ID (in hex).
type ObjectID [16]byte

// SessionID names a session of this application, for the objects that live as
// long as it does. slots numbers them; 0 is no session.
type SessionID uint64

// Identity is what Login returns: opaque, valid until Logout. The zero Identity
// is the public, who has not logged in.
type Identity uint64

// Caller says on whose behalf a call is made.
type Caller struct {
	Identity  Identity
	Session   SessionID // owns the session objects that the call makes
	ReadWrite bool      // whether the session may change token objects
}

// PartitionInfo is what C_GetTokenInfo tells. PIN lengths are in bytes.
type PartitionInfo struct {
	Label          string // without the padding
	Serial         string // 16 characters
	Flags          ck.Flags
	MinPIN, MaxPIN int
	Objects        int // token objects, as far as this process can tell

	Policy string // of keys: strict or standard; empty if it cannot be told
	Dates  bool   // whether keys are used between their dates only
	PIN    PINPolicy
	// When the token was initialised, in UTC to the second.
	Created time.Time
	// How long the PIN of the SO and that of the user without a name are refused from
	// now on because of wrong tries. A PIN that is locked for good is not held.
	SOHeld, UserHeld time.Duration
	// Whether as many logins of them as there are tries left are under way, or were cut
	// off by a kill less than 30 s ago: the next one waits, and is then refused if none
	// of them had the right PIN.
	SOBusy, UserBusy bool
}

// Partition is one token. All methods may be called at once from many threads.
type Partition interface {
	// Info describes the partition as it is now, other processes' changes included.
	Info() PartitionInfo

	// Login checks pin and returns an identity: CKR_PIN_INCORRECT, CKR_PIN_LOCKED
	// (for good, or for a while after wrong tries), CKR_USER_PIN_NOT_INITIALIZED. user
	// is CKU_SO or CKU_USER.
	Login(user ck.UserType, pin []byte) (Identity, error)
	// Logout ends an identity: private session objects of its sessions are
	// destroyed, private keys wiped from memory, operations on them refused.
	Logout(id Identity) error
	// LoggedIn reports whether an identity is still good. It ends without Logout
	// when another process initialises the token anew or deletes the user.
	LoggedIn(id Identity) bool
	// InitPIN sets the user's PIN and unlocks it; who must be the SO.
	InitPIN(who Caller, pin []byte) error
	// SetPIN changes the PIN of user, who proves it by the old one.
	SetPIN(user ck.UserType, old, new []byte) error
	// SetPINPolicy changes what is asked of PINs; who must be the SO. What cannot be
	// is CKR_ARGUMENTS_BAD.
	SetPINPolicy(who Caller, policy PINPolicy) error
	// CloseSession destroys the session objects that belong to the session.
	CloseSession(s SessionID)

	Users
	Objects
	Keys
	Operations
	Messages
}

// Summer is a Partition that has a short way for short messages.
type Summer interface {
	// Summing is how to digest by m without an operation; nil if that is not cheaper than
	// Digest and what it makes. It stays right for as long as there is m.
	Summing(m *ck.Mechanism) *Sum
}

// Sum digests messages.
type Sum struct {
	// Size is the length of a digest in bytes.
	Size int
	// Do writes the digest of src to dst, which has Size bytes or more. Its error says
	// that Digest would refuse too.
	Do func(dst, src []byte) error
}

// Repeater is a Partition that can say what it will say again.
type Repeater interface {
	// Repeats reports whether a signature with the key that could be started once can be
	// again, until this application destroys or changes an object or logs out; that
	// nothing else forbids it but what ends the login or the token, that nothing is
	// recorded of it, and that it asks for no login of its own.
	Repeats(key ObjectID) bool
}

// Objects makes, reads, changes and finds objects. An object that who may not
// see does not exist: CKR_OBJECT_HANDLE_INVALID.
type Objects interface {
	CreateObject(who Caller, tmpl ck.Template) (ObjectID, error)
	CopyObject(who Caller, id ObjectID, tmpl ck.Template) (ObjectID, error)
	DestroyObject(who Caller, id ObjectID) error
	// ObjectSize is C_GetObjectSize: bytes the object takes in the store.
	ObjectSize(who Caller, id ObjectID) (int, error)
	// Attributes reads attributes into want: for each, Value (or Nested), and RV:
	// CKR_OK, CKR_ATTRIBUTE_SENSITIVE or CKR_ATTRIBUTE_TYPE_INVALID. Values are
	// shared with the object and not to be changed. The error is for the object.
	Attributes(who Caller, id ObjectID, want []AttributeResult) error
	SetAttributes(who Caller, id ObjectID, tmpl ck.Template) error
	// AppendFound appends to ids what who can see and tmpl fits, oldest first. A nil
	// template fits everything but hardware features and mechanisms.
	AppendFound(ids []ObjectID, who Caller, tmpl ck.Template) ([]ObjectID, error)
	// Exists reports whether who can see the object.
	Exists(who Caller, id ObjectID) bool
}

// AttributeResult is one attribute of Attributes: Type is the question, the rest
// the answer.
type AttributeResult struct {
	ck.Attribute
	RV ck.RV
	// Measure is part of the question: the length of the value is enough. That of a
	// secret comes as Length, in bytes, and Value stays nil: it is not copied.
	Measure bool
	Length  int
}

// Keys makes keys of keys. Wrong keys are CKR_OBJECT_HANDLE_INVALID when they do
// not exist for who; slots turns that into the code that the function has.
type Keys interface {
	GenerateKey(who Caller, m *ck.Mechanism, tmpl ck.Template) (ObjectID, error)
	GenerateKeyPair(who Caller, m *ck.Mechanism, public, private ck.Template) (pub, priv ObjectID, err error)
	WrapKey(who Caller, m *ck.Mechanism, wrapping, key ObjectID, dst []byte) (int, error)
	UnwrapKey(who Caller, m *ck.Mechanism, unwrapping ObjectID, wrapped []byte, tmpl ck.Template) (ObjectID, error)
	// WrapKeyAuthenticated and UnwrapKeyAuthenticated take the mechanism with the
	// parameter of its messages (*ck.MessageParams). Wrapping fills in the nonce
	// and the tag when it has filled dst.
	WrapKeyAuthenticated(who Caller, m *ck.Mechanism, wrapping, key ObjectID, aad, dst []byte) (int, error)
	UnwrapKeyAuthenticated(who Caller, m *ck.Mechanism, unwrapping ObjectID, wrapped, aad []byte, tmpl ck.Template) (ObjectID, error)
	DeriveKey(who Caller, m *ck.Mechanism, base ObjectID, tmpl ck.Template) (ObjectID, error)
	// EncapsulateKey makes a secret key, and writes to dst what DecapsulateKey makes the
	// same one of with the private half of the pair. A dst that is nil or too short
	// makes no key.
	EncapsulateKey(who Caller, m *ck.Mechanism, public ObjectID, tmpl ck.Template, dst []byte) (int, ObjectID, error)
	// DecapsulateKey refuses what cannot be a ciphertext with CKR_WRAPPED_KEY_LEN_RANGE
	// and CKR_WRAPPED_KEY_INVALID.
	DecapsulateKey(who Caller, m *ck.Mechanism, private ObjectID, tmpl ck.Template, ciphertext []byte) (ObjectID, error)
}

// Operations starts operations: each method is the C_xxxInit of its name. They
// check that the key exists for who (CKR_OBJECT_HANDLE_INVALID), fits the
// mechanism (CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE), may be used so
// (CKR_KEY_FUNCTION_NOT_PERMITTED), and that the mechanism does this at all
// (CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID).
//
// An operation of a key with CKA_ALWAYS_AUTHENTICATE also satisfies
// ContextLogin and refuses with CKR_USER_NOT_LOGGED_IN until that has succeeded.
type Operations interface {
	Encrypt(who Caller, m *ck.Mechanism, key ObjectID) (Cipher, error)
	Decrypt(who Caller, m *ck.Mechanism, key ObjectID) (Cipher, error)
	Sign(who Caller, m *ck.Mechanism, key ObjectID) (Signer, error)
	Verify(who Caller, m *ck.Mechanism, key ObjectID) (Verifier, error)
	SignRecover(who Caller, m *ck.Mechanism, key ObjectID) (Cipher, error)
	VerifyRecover(who Caller, m *ck.Mechanism, key ObjectID) (Cipher, error)
	Digest(m *ck.Mechanism) (Digester, error)
	// SaveOperations seals the state of operations, so that RestoreOperations can go
	// on from there: in this module, on this partition, under the same login, with
	// the same context. CKR_STATE_UNSAVEABLE.
	SaveOperations(who Caller, ops []Started, context []byte) ([]byte, error)
	// RestoreOperations starts the operations anew, with all that the methods above
	// check, and puts each where it was; they come in the order in which they were
	// saved. The login that a key with CKA_ALWAYS_AUTHENTICATE wants is wanted again.
	// CKR_SAVED_STATE_INVALID also for a key that who may not use so any more.
	RestoreOperations(who Caller, state, context []byte) ([]Started, error)
	// Tag authenticates what Coffer keeps where programs can write: HMAC-SHA-256 under
	// a key of the partition, which outlives the process. No program gets the tag of data
	// of its choice. purpose tells tags of several kinds apart. Compare with hmac.Equal.
	Tag(purpose string, data ...[]byte) [32]byte
	// DigestKey adds the value of a secret key to d: CKR_KEY_INDIGESTIBLE.
	DigestKey(who Caller, d Digester, key ObjectID) error
}
