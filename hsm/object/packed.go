package object

import (
	"encoding/hex"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// A packed object keeps its attributes as Encode writes them, which takes a tenth of
// the memory of a list of attributes. All that an Object does it does too; to find an
// attribute takes longer, as there is no search but from the front.

// Decode reads what Encode has written, by this version or a newer one: a packed
// object. b is the object's from then on. Damaged bytes are CKR_DEVICE_ERROR.
func Decode(id api.ObjectID, b []byte) (*Object, error) {
	o := &Object{id: id, packed: b}
	class, classed := o.packedUlong(ck.CKA_CLASS)
	keyType, typed := o.packedUlong(ck.CKA_KEY_TYPE)
	if !classed || !typed && isKeyClass(ck.ObjectClass(class)) {
		return nil, errDamaged
	}
	o.class, o.keyType = ck.ObjectClass(class), ck.KeyType(keyType)
	o.schema = schemaOf(o.class, o.keyType)
	r := reader{b: b}
	if !r.version() {
		return nil, errDamaged
	}
	for len(r.b) > 0 {
		a, ok := r.attribute(maxDepth - 1)
		if !ok || !storable(o.schema, &a) {
			return nil, errDamaged
		}
		o.note(&a)
	}
	return o, nil
}

// packedUlong reads an attribute before the encoding is known to be whole.
func (o *Object) packedUlong(t ck.AttributeType) (v uint64, ok bool) {
	value, nested, found := o.seek(t)
	if !found || nested {
		return 0, false
	}
	return ck.ParseUlong(value)
}

// note keeps what is asked on every use of a key.
func (o *Object) note(a *ck.Attribute) {
	if a.Type == ck.CKA_ALLOWED_MECHANISMS {
		o.truths |= allowedMechanismsBit
	}
	if len(a.Value) != 1 || a.Value[0] != ck.CK_TRUE {
		return
	}
	o.usage |= usageBit(a.Type)
	o.truths |= truthBit(a.Type)
}

// findPacked is find in an encoding. The value shares its memory.
func (o *Object) findPacked(t ck.AttributeType) (a ck.Attribute, ok bool) {
	a.Type = t
	if t == ck.CKA_UNIQUE_ID {
		a.Value = nameOf(o.id)
		return a, true
	}
	value, nested, found := o.seek(t)
	if nested {
		inner := reader{b: value}
		a.Nested, _ = inner.list(maxDepth - 2)
	} else {
		a.Value = value
	}
	return a, found
}

// seek finds an attribute in an encoding, and leaves a list in it as it is.
func (o *Object) seek(t ck.AttributeType) (value []byte, nested, found bool) {
	r := reader{b: o.packed}
	if !r.version() {
		return nil, false, false
	}
	for len(r.b) > 0 {
		here, ok := r.number()
		size, whole := r.number()
		if !ok || !whole || size>>1 > uint64(len(r.b)) || here > uint64(t) {
			return nil, false, false
		}
		if here == uint64(t) {
			return r.b[: size>>1 : size>>1], size&1 != 0, true
		}
		r.b = r.b[size>>1:]
	}
	return nil, false, false
}

// extent is where an attribute that is there has its place in the encoding.
func (o *Object) extent(t ck.AttributeType) (begin, end int) {
	r := reader{b: o.packed}
	r.version()
	for len(r.b) > 0 {
		begin = len(o.packed) - len(r.b)
		if found, _, _, ok := r.field(); !ok || found == t {
			break
		}
	}
	return begin, len(o.packed) - len(r.b)
}

func nameOf(id api.ObjectID) []byte { return hex.AppendEncode(nil, id[:]) }

// list returns all attributes, sorted. It is shared and not to be changed.
func (o *Object) list() []ck.Attribute {
	if o.packed == nil {
		return o.attrs
	}
	r := reader{b: o.packed}
	r.version()
	attrs, _ := r.list(maxDepth - 1)
	return withUniqueID(o.id, attrs)
}

// Unpacked returns the object in the form in which attributes are found the fastest,
// for those that are used again and again.
func (o *Object) Unpacked() *Object {
	if o.packed == nil {
		return o
	}
	u := *o
	u.attrs, u.packed = o.list(), nil
	return &u
}
