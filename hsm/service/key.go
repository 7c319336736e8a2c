package service

import (
	"sync"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Key is a key ready for use: its attributes, its secret, and the form the
// mechanisms work with, parsed on first use and kept. It may be used from many
// threads at once, but not after Zero.
type Key struct {
	*object.Object
	Material *object.Material // nil for public keys and domain parameters

	attr source

	once   sync.Once
	parsed any
	err    error

	macs atomic.Pointer[keyedHashes]
}

// source reads an attribute of a key, wherever it is kept. What is absent is nil,
// and no attribute of a key that is read so may be empty.
type source func(ck.AttributeType) []byte

// NewKey prepares a key for use. The Key owns the material from here on.
func NewKey(o *object.Object, m *object.Material) *Key {
	k := &Key{Object: o, Material: m}
	k.attr = func(t ck.AttributeType) []byte {
		if v, ok := m.Get(t); ok {
			return v
		}
		return o.Bytes(t)
	}
	return k
}

// sourceOf reads the attributes of a template.
func sourceOf(tmpl ck.Template) source {
	return func(t ck.AttributeType) []byte {
		a, _ := tmpl.Find(t)
		return a.Value
	}
}

// form is what decides how a key is parsed.
type form struct {
	class ck.ObjectClass
	kt    ck.KeyType
}

// parsers turn the attributes of a key into what mechanisms work with. They
// answer as Complete does, since it is they who check what it is given. Key types
// that are not here are byte strings and are used as they are (Value).
var parsers = map[form]func(source) (any, error){
	{ck.CKO_PRIVATE_KEY, ck.CKK_RSA}:           parseRSAPrivate,
	{ck.CKO_PUBLIC_KEY, ck.CKK_RSA}:            parseRSAPublic,
	{ck.CKO_PRIVATE_KEY, ck.CKK_EC}:            parseECPrivate,
	{ck.CKO_PUBLIC_KEY, ck.CKK_EC}:             parseECPublic,
	{ck.CKO_PRIVATE_KEY, ck.CKK_EC_EDWARDS}:    parseECPrivate,
	{ck.CKO_PUBLIC_KEY, ck.CKK_EC_EDWARDS}:     parseECPublic,
	{ck.CKO_PRIVATE_KEY, ck.CKK_EC_MONTGOMERY}: parseECPrivate,
	{ck.CKO_PUBLIC_KEY, ck.CKK_EC_MONTGOMERY}:  parseECPublic,
	{ck.CKO_PRIVATE_KEY, ck.CKK_ML_KEM}:        parseMLKEMPrivate,
	{ck.CKO_PUBLIC_KEY, ck.CKK_ML_KEM}:         parseMLKEMPublic,
	{ck.CKO_SECRET_KEY, ck.CKK_AES}:            parseAES,
	{ck.CKO_SECRET_KEY, ck.CKK_AES_XTS}:        parseXTS,
	{ck.CKO_SECRET_KEY, ck.CKK_CHACHA20}:       parseChaCha,
}

// parsedAs returns the parsed form of a key: *rsaPrivateKey, *rsaPublicKey,
// *ecPrivateKey, *ecPublicKey, *mlkemPrivateKey, *mlkemPublicKey, *aesKey,
// *xtsKey or *chachaKey. A key that should not have got into the store is
// CKR_KEY_TYPE_INCONSISTENT.
func parsedAs[T any](k *Key) (T, error) {
	k.once.Do(func() { secret.Do(func() { k.parsed, k.err = k.parse() }) })
	v, ok := k.parsed.(T)
	switch {
	case k.err != nil:
		return v, k.err
	case !ok:
		return v, ck.CKR_KEY_TYPE_INCONSISTENT
	}
	return v, nil
}

func (k *Key) parse() (any, error) {
	class, _ := ck.ParseUlong(k.attr(ck.CKA_CLASS))
	kt, ok := ck.ParseUlong(k.attr(ck.CKA_KEY_TYPE))
	p := parsers[form{ck.ObjectClass(class), ck.KeyType(kt)}]
	if !ok || p == nil {
		return nil, ck.CKR_KEY_TYPE_INCONSISTENT
	}
	v, err := p(k.attr)
	if err != nil {
		return nil, ck.Errorf(ck.CKR_KEY_TYPE_INCONSISTENT, "key cannot be parsed: %w", err)
	}
	return v, nil
}

// Value is the bytes of a secret key (CKA_VALUE), valid until Zero and not to be
// kept or changed.
func (k *Key) Value() []byte { return k.attr(ck.CKA_VALUE) }

// Zero wipes the key, with which no operation may be under way any more; those of private
// keys see to that by themselves (wipeable). What the standard library holds of a parsed
// key cannot be reached and is left to the garbage collector.
func (k *Key) Zero() {
	k.once.Do(func() { k.err = ck.CKR_KEY_HANDLE_INVALID })
	k.macs.Store(nil) // or it would go on without its value
	if p, ok := k.parsed.(interface{ zero() }); ok {
		p.zero()
	}
	k.Material.Zero()
}

// Abandon has the key wiped when no operation uses it any more, as some may be under way.
// No operation starts with it from now on.
func (k *Key) Abandon() {
	k.once.Do(func() { k.err = ck.CKR_KEY_HANDLE_INVALID })
	if p, ok := k.parsed.(interface{ abandon() }); ok {
		p.abandon()
	}
	k.Material.Abandon()
}
