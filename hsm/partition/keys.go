package partition

import (
	"bytes"
	"encoding/hex"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// GenerateKey is C_GenerateKey.
func (p *Partition) GenerateKey(who api.Caller, m *ck.Mechanism, tmpl ck.Template) (api.ObjectID, error) {
	mechanism, so, err := p.maker(who, m, func(m *service.Mechanism) bool { return m.GenerateKey != nil }, tmpl)
	if err != nil {
		return api.ObjectID{}, err
	}
	made, err := mechanism.GenerateKey(m, tmpl)
	if err != nil {
		return api.ObjectID{}, err
	}
	defer object.WipeTemplate(made)
	return p.newObject(who, object.Request{
		Origin: object.Generated, Mechanism: m.Type, Template: tmpl, Made: made, SO: so,
	})
}

// GenerateKeyPair is C_GenerateKeyPair: both halves are made or none.
func (p *Partition) GenerateKeyPair(who api.Caller, m *ck.Mechanism, public, private ck.Template) (pub, priv api.ObjectID, err error) {
	mechanism, so, err := p.maker(who, m, func(m *service.Mechanism) bool { return m.GenerateKeyPair != nil }, public, private)
	if err != nil {
		return pub, priv, err
	}
	var madePublic, madePrivate ck.Template
	secret.Do(func() { madePublic, madePrivate, err = mechanism.GenerateKeyPair(m, public, private) })
	if err != nil {
		return pub, priv, err
	}
	defer object.WipeTemplate(madePrivate)
	request := object.Request{Origin: object.Generated, Mechanism: m.Type, Template: public, Made: madePublic, SO: so, Lane: laneOf(who)}
	pubObject, _, err := object.New(request)
	if err != nil {
		return pub, priv, err
	}
	request.Template, request.Made = private, madePrivate
	privObject, material, err := object.New(request)
	if err != nil {
		return pub, priv, err
	}
	if pubObject, privObject, err = p.checkPair(pubObject, privObject); err != nil {
		material.Zero()
		return pub, priv, err
	}
	err = p.insert(who, audit.Generate, pair{pubObject, nil}, pair{privObject, material})
	return pubObject.ID(), privObject.ID(), err
}

// WrapKey is C_WrapKey.
func (p *Partition) WrapKey(who api.Caller, m *ck.Mechanism, wrapping, key api.ObjectID, dst []byte) (int, error) {
	return p.wrapKey(who, m, wrapping, key, dst, pickWrap)
}

// wrapKey is C_WrapKey and C_WrapKeyAuthenticated: pick chooses the mechanism's
// function, nil if it has none.
func (p *Partition) wrapKey(who api.Caller, m *ck.Mechanism, wrapping, key api.ObjectID, dst []byte, pick func(*service.Mechanism) wrapFunc) (int, error) {
	n, event, err := p.wrapOut(who, m, wrapping, key, dst, pick)
	if err != nil || dst == nil { // asked for the length
		return n, err
	}
	if err := p.recorder.Note(event); err != nil { // nothing leaves unrecorded
		clear(dst[:n])
		return 0, auditError(err)
	}
	return n, nil
}

func (p *Partition) wrapOut(who api.Caller, m *ck.Mechanism, wrapping, key api.ObjectID, dst []byte, pick func(*service.Mechanism) wrapFunc) (int, audit.Event, error) {
	mechanism, err := mechanismOf(m)
	if err != nil {
		return 0, audit.Event{}, err
	}
	wrap := pick(mechanism)
	if wrap == nil {
		return 0, audit.Event{}, ck.CKR_MECHANISM_INVALID
	}
	if err := p.sync(); err != nil {
		return 0, audit.Event{}, err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	w, err := p.keyFor(who, useWrap, mechanism, wrapping)
	if err != nil {
		return 0, audit.Event{}, wrappingKeyError(err)
	}
	e, k, err := p.toWrap(who, w, m, key)
	if err != nil {
		return 0, audit.Event{}, err
	}
	event := p.eventOf(who, audit.Wrap, e.object)
	event.HasMechanism, event.Mechanism = true, m.Type
	event.Detail = "under " + hex.EncodeToString(wrapping[:])
	var n int
	secret.Do(func() { n, err = wrapEncoded(w, k, m, dst, wrap) })
	return n, event, err
}

// toWrap finds a key that may leave under w. The caller holds p.mu for reading.
func (p *Partition) toWrap(who api.Caller, w *service.Key, m *ck.Mechanism, key api.ObjectID) (*entry, *service.Key, error) {
	e, err := p.lookup(who, key)
	if err != nil {
		return nil, nil, ck.CKR_KEY_HANDLE_INVALID
	}
	whole, err := p.whole(e)
	if err != nil {
		return nil, nil, ck.CKR_KEY_HANDLE_INVALID
	}
	if err := mayWrap(w.Object, whole); err != nil {
		return nil, nil, err
	}
	if err := p.rules.Wrap(w.Object, e.object, m); err != nil {
		return nil, nil, err
	}
	k, err := p.prepared(e)
	return e, k, err
}

// wrapEncoded wraps key under w.
func wrapEncoded(w, key *service.Key, m *ck.Mechanism, dst []byte, wrap wrapFunc) (int, error) {
	plain, err := encodeKey(key)
	if err != nil {
		return 0, err
	}
	defer plain.Zero()
	return wrap(w, m, dst, plain.Expose())
}

// wrappingKeyError gives the codes that C_WrapKey has of its own for its wrapping key
// (section 5.18.3), which keyFor knows as those of any key.
func wrappingKeyError(err error) error {
	switch ck.Code(err) {
	case ck.CKR_OBJECT_HANDLE_INVALID:
		return ck.CKR_WRAPPING_KEY_HANDLE_INVALID
	case ck.CKR_KEY_TYPE_INCONSISTENT:
		return ck.CKR_WRAPPING_KEY_TYPE_INCONSISTENT
	}
	return err
}

// unwrappingKeyError does so for C_UnwrapKey and C_DecapsulateKey.
func unwrappingKeyError(err error) error {
	switch ck.Code(err) {
	case ck.CKR_OBJECT_HANDLE_INVALID:
		return ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID
	case ck.CKR_KEY_TYPE_INCONSISTENT:
		return ck.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
	}
	return err
}

// mayWrap holds a key that is to leave against its own rules and the wrapping
// key's (section 4.7 and 4.10: CKA_EXTRACTABLE, WRAP_WITH_TRUSTED, WRAP_TEMPLATE).
func mayWrap(wrapping, key *object.Object) error {
	switch {
	case key.Class() != ck.CKO_SECRET_KEY && key.Class() != ck.CKO_PRIVATE_KEY:
		return ck.CKR_KEY_NOT_WRAPPABLE
	case !key.Bool(ck.CKA_EXTRACTABLE):
		return ck.CKR_KEY_UNEXTRACTABLE
	case authenticates(key): // it would come back as one that does not
		return ck.CKR_USER_NOT_LOGGED_IN
	case key.Bool(ck.CKA_WRAP_WITH_TRUSTED) && !wrapping.Bool(ck.CKA_TRUSTED):
		return ck.CKR_KEY_NOT_WRAPPABLE
	case !object.MatchesTemplate(key, wrapping.Nested(ck.CKA_WRAP_TEMPLATE)):
		return ck.CKR_KEY_HANDLE_INVALID // so says section 5.18.3
	}
	return nil
}

// encodeKey is what wrapping encrypts: the value of a secret key, the PKCS #8 of
// a private one (section 5.18.3).
func encodeKey(k *service.Key) (*secret.Bytes, error) {
	if k.Class() == ck.CKO_PRIVATE_KEY {
		return service.EncodePrivateKey(k)
	}
	value, _ := k.Material.Get(ck.CKA_VALUE)
	return secret.From(slices.Clone(value)), nil
}

// UnwrapKey is C_UnwrapKey.
func (p *Partition) UnwrapKey(who api.Caller, m *ck.Mechanism, unwrapping api.ObjectID, wrapped []byte, tmpl ck.Template) (api.ObjectID, error) {
	return p.unwrapKey(who, m, unwrapping, wrapped, tmpl, pickUnwrap)
}

// unwrapKey is C_UnwrapKey and C_UnwrapKeyAuthenticated; as wrapKey.
func (p *Partition) unwrapKey(who api.Caller, m *ck.Mechanism, unwrapping api.ObjectID, wrapped []byte, tmpl ck.Template, pick func(*service.Mechanism) unwrapFunc) (api.ObjectID, error) {
	mechanism, so, err := p.maker(who, m, func(m *service.Mechanism) bool { return pick(m) != nil }, tmpl)
	if err != nil {
		return api.ObjectID{}, err
	}
	if len(wrapped) > maxWrapped {
		return api.ObjectID{}, ck.CKR_WRAPPED_KEY_LEN_RANGE
	}
	base, plain, err := p.unwrap(who, mechanism, m, unwrapping, wrapped, pick(mechanism))
	if err != nil {
		return api.ObjectID{}, err
	}
	defer plain.Zero()
	if tmpl, err = object.MergeUnwrapTemplate(base, tmpl); err != nil {
		return api.ObjectID{}, err
	}
	made, err := unwrapped(plain.Expose(), mechanism, tmpl)
	if err != nil {
		return api.ObjectID{}, err
	}
	defer object.WipeTemplate(made)
	return p.newObject(who, object.Request{
		Origin: object.Unwrapped, Template: tmpl, Made: made, Base: base, SO: so,
	})
}

func (p *Partition) unwrap(who api.Caller, mechanism *service.Mechanism, m *ck.Mechanism, id api.ObjectID, wrapped []byte, open unwrapFunc) (*object.Object, *secret.Bytes, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	k, err := p.keyFor(who, useUnwrap, mechanism, id)
	if err != nil {
		return nil, nil, unwrappingKeyError(err)
	}
	if err := p.rules.Unwrap(k.Object, m); err != nil {
		return nil, nil, err
	}
	var plain *secret.Bytes
	secret.Do(func() { plain, err = open(k, m, wrapped) })
	return k.Object, plain, err
}

// unwrapped turns the bytes of an unwrapped key into attributes.
func unwrapped(plain []byte, m *service.Mechanism, tmpl ck.Template) (made ck.Template, err error) {
	class, ok := tmpl.Ulong(ck.CKA_CLASS)
	if !ok {
		return nil, ck.CKR_TEMPLATE_INCOMPLETE
	}
	if ck.ObjectClass(class) == ck.CKO_PRIVATE_KEY {
		if m.Leads {
			plain = bytes.TrimLeft(plain, "\x00")
		}
		secret.Do(func() { made, err = service.DecodePrivateKey(plain) })
		return made, err
	}
	if n, given := tmpl.Ulong(ck.CKA_VALUE_LEN); given {
		if plain, ok = withoutFill(plain, n, m); !ok {
			return nil, ck.CKR_WRAPPED_KEY_LEN_RANGE
		}
	}
	made, err = secretKey(plain, tmpl)
	if ck.Code(err) == ck.CKR_ATTRIBUTE_VALUE_INVALID {
		// A length that the key type does not have must not tell that the padding was right.
		return nil, ck.CKR_WRAPPED_KEY_INVALID
	}
	return made, err
}

// withoutFill takes the n bytes of a key out of those that a mechanism unwrapped:
// it cuts off the zeros that filled a block of the mechanism, and nothing else. To
// cut a key shorter than it was would let its parts be guessed one by one.
func withoutFill(value []byte, n uint64, m *service.Mechanism) ([]byte, bool) {
	const block = 16
	size := uint64(len(value))
	switch {
	case n > size:
		return nil, false
	case m.Leads:
		return value[size-n:], isZero(value[:size-n])
	case m.Fills:
		return value[:n], size-n < block && isZero(value[n:])
	}
	return value, true // a length that differs is the template's fault: object tells
}

// isZero takes the same time whatever is in b.
func isZero(b []byte) bool {
	var all byte
	for _, v := range b {
		all |= v
	}
	return all == 0
}

// secretKey makes the attributes of a secret key out of its value and the key
// type that the template gives.
func secretKey(value []byte, tmpl ck.Template) (ck.Template, error) {
	kt, ok := tmpl.Ulong(ck.CKA_KEY_TYPE)
	if !ok {
		return nil, ck.CKR_TEMPLATE_INCOMPLETE
	}
	return service.Complete(ck.CKO_SECRET_KEY, ck.KeyType(kt), ck.Template{ck.Bytes(ck.CKA_VALUE, value)})
}

// merge adds to made those of parts that it does not have.
func merge(made, parts ck.Template) ck.Template {
	for _, a := range parts {
		if _, has := made.Find(a.Type); !has {
			made = append(made, a)
		}
	}
	return made
}

// secretTemplate is the template of a key that is computed of others: a secret key,
// and a generic one where nobody says. n is the bytes it is to have, 0 if nobody says.
func secretTemplate(tmpl ck.Template) (whole ck.Template, n int, err error) {
	whole = merge(slices.Clone(tmpl), ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY),
		ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
	})
	if class, _ := whole.Ulong(ck.CKA_CLASS); ck.ObjectClass(class) != ck.CKO_SECRET_KEY {
		return nil, 0, ck.CKR_TEMPLATE_INCONSISTENT
	}
	n, err = derivedSize(whole)
	return whole, n, err
}

// derivedSize is CKA_VALUE_LEN, 0 if it is not given.
func derivedSize(tmpl ck.Template) (int, error) {
	size, _ := tmpl.Ulong(ck.CKA_VALUE_LEN)
	if size > maxDerived {
		return 0, ck.CKR_KEY_SIZE_RANGE
	}
	return int(size), nil
}

// maxDerived bounds CKA_VALUE_LEN of a derived key, in bytes: far above any use,
// far below what would hurt.
const maxDerived = 1 << 16

// maxWrapped bounds a wrapped key, in bytes. Mechanisms make room for what comes out
// of it before they look at it, and the length is the caller's word: Go cannot recover
// from a failed allocation.
const maxWrapped = 16 << 20
