package object

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

const (
	formatVersion = 1
	maxDepth      = 4 // of lists, the outer one included
)

// errDamaged says no more: what is damaged is not worth describing, and what it
// holds may be anything.
var errDamaged = ck.Errorf(ck.CKR_DEVICE_ERROR, "the encoding of an object is damaged")

// Encode returns the attributes as bytes (FORMAT.md).
func (o *Object) Encode() []byte {
	if o.packed != nil {
		return bytes.Clone(o.packed)
	}
	b := make([]byte, 0, o.Size())
	return appendList(append(b, formatVersion), o.attrs)
}

// Size is the length of Encode in bytes.
func (o *Object) Size() int {
	if o.packed != nil {
		return len(o.packed)
	}
	return 1 + listLen(o.attrs)
}

// numberLen is the length of a number.
func numberLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// sizeOf returns the size field of an attribute.
func sizeOf(a *ck.Attribute) uint64 {
	if a.Nested != nil {
		return uint64(listLen(a.Nested))<<1 | 1
	}
	return uint64(len(a.Value)) << 1
}

func listLen(attrs []ck.Attribute) int {
	n := 0
	for i := range attrs {
		if attrs[i].Type != ck.CKA_UNIQUE_ID {
			n += attributeLen(&attrs[i])
		}
	}
	return n
}

// attributeLen is how many bytes appendAttribute appends.
func attributeLen(a *ck.Attribute) int {
	size := sizeOf(a)
	return numberLen(uint64(a.Type)) + numberLen(size) + int(size>>1)
}

func appendList(b []byte, attrs []ck.Attribute) []byte {
	for i := range attrs {
		b = appendAttribute(b, &attrs[i])
	}
	return b
}

// appendAttribute appends an attribute, unless it is the object's name, which stands
// beside the encoding.
func appendAttribute(b []byte, a *ck.Attribute) []byte {
	if a.Type == ck.CKA_UNIQUE_ID {
		return b
	}
	b = binary.AppendUvarint(b, uint64(a.Type))
	b = binary.AppendUvarint(b, sizeOf(a))
	if a.Nested != nil {
		return appendList(b, a.Nested)
	}
	return append(b, a.Value...)
}

// storable reports whether an object of schema s may keep a in the open.
func storable(s *schema, a *ck.Attribute) bool {
	r := s.row(a.Type)
	switch {
	case a.Type == ck.CKA_UNIQUE_ID:
		return false
	case r == nil: // a newer version's
		return true
	case r.is(secretValue), (a.Nested != nil) != (r.kind == kindTemplate):
		return false
	}
	return r.kind == kindTemplate || valueFits[r.kind](a.Value)
}

// reader takes an encoding apart from the front. Its values share b.
type reader struct {
	b    []byte
	next uint64 // the lowest type that may follow
	full bool   // no type may follow: the highest has been
}

func (r *reader) version() bool {
	ok := len(r.b) > 0 && r.b[0] == formatVersion
	if ok {
		r.b = r.b[1:]
	}
	return ok
}

// number reads a number in its shortest form.
func (r *reader) number() (v uint64, ok bool) {
	if len(r.b) > 0 && r.b[0] < 0x80 { // most of them
		v, r.b = uint64(r.b[0]), r.b[1:]
		return v, true
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n != numberLen(v) {
		return 0, false
	}
	r.b = r.b[n:]
	return v, true
}

// typ reads an attribute's type, which must be higher than the one before.
func (r *reader) typ() (ck.AttributeType, bool) {
	v, ok := r.number()
	if !ok || r.full || v < r.next {
		return 0, false
	}
	r.next, r.full = v+1, v+1 == 0
	return ck.AttributeType(v), true
}

func (r *reader) bytes(n uint64) ([]byte, bool) {
	if n > uint64(len(r.b)) {
		return nil, false
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v, true
}

// list reads attributes to the end; depth says how many levels below are left.
func (r *reader) list(depth int) ([]ck.Attribute, bool) {
	attrs := []ck.Attribute{}
	for len(r.b) > 0 {
		a, ok := r.attribute(depth)
		if !ok || a.Type == ck.CKA_UNIQUE_ID {
			return nil, false
		}
		attrs = append(attrs, a)
	}
	return attrs, true
}

func (r *reader) attribute(depth int) (a ck.Attribute, ok bool) {
	var nested bool
	a.Type, a.Value, nested, ok = r.field()
	if !ok || !nested {
		return a, ok
	}
	if depth == 0 {
		return a, false
	}
	inner := reader{b: a.Value}
	a.Value = nil
	a.Nested, ok = inner.list(depth - 1)
	return a, ok
}

// field reads an attribute and leaves a list in it as it is.
func (r *reader) field() (t ck.AttributeType, value []byte, nested, ok bool) {
	if t, ok = r.typ(); !ok {
		return 0, nil, false, false
	}
	size, ok := r.number()
	if !ok {
		return 0, nil, false, false
	}
	value, ok = r.bytes(size >> 1)
	return t, value, size&1 != 0, ok
}
