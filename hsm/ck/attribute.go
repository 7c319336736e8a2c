package ck

import "encoding/binary"

// Attribute is a CK_ATTRIBUTE by value. Value holds the bytes as this package
// encodes them, the same on every machine: CK_BBOOL is one byte, CK_ULONG is
// eight bytes little-endian, an array of CK_ULONG is those in a row, CK_DATE is
// the eight digits or empty, all else is as it is.
//
// For an attribute whose type has CKF_ARRAY_ATTRIBUTE and whose elements are
// CK_ATTRIBUTE (CKA_WRAP_TEMPLATE and its like), Nested holds them and Value is nil.
type Attribute struct {
	Type   AttributeType
	Value  []byte
	Nested []Attribute
}

// Template is a list of attributes as a caller gives it. A type may stand in
// it twice; what that means is the reader's to say (object refuses it).
type Template []Attribute

// Bool, Ulong, Bytes and String make attributes.
func Bool(t AttributeType, v bool) Attribute {
	b := byte(CK_FALSE)
	if v {
		b = CK_TRUE
	}
	return Attribute{Type: t, Value: []byte{b}}
}

// Ulong makes an attribute that holds a CK_ULONG.
func Ulong[T ~uint64](t AttributeType, v T) Attribute {
	return Attribute{Type: t, Value: AppendUlong(nil, uint64(v))}
}

// Bytes makes an attribute that holds v as it is; v is not copied.
func Bytes(t AttributeType, v []byte) Attribute { return Attribute{Type: t, Value: v} }

// String makes an attribute that holds the UTF-8 text s.
func String(t AttributeType, s string) Attribute { return Attribute{Type: t, Value: []byte(s)} }

// UlongSize is the size in bytes of an encoded CK_ULONG.
const UlongSize = 8

// AppendUlong appends the encoding of v to b.
func AppendUlong(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }

// ParseUlong decodes a CK_ULONG; ok is false if b has another length.
func ParseUlong(b []byte) (v uint64, ok bool) {
	if len(b) != UlongSize {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b), true
}

// Find returns the first attribute of type t.
func (tmpl Template) Find(t AttributeType) (Attribute, bool) {
	for i := range tmpl {
		if tmpl[i].Type == t {
			return tmpl[i], true
		}
	}
	return Attribute{}, false
}

// Ulong returns the CK_ULONG of type t; ok is false if there is none or it is
// not eight bytes long.
func (tmpl Template) Ulong(t AttributeType) (v uint64, ok bool) {
	a, found := tmpl.Find(t)
	if !found {
		return 0, false
	}
	return ParseUlong(a.Value)
}

// Bool returns the CK_BBOOL of type t; ok is false if there is none or it is
// not one byte, 0 or 1.
func (tmpl Template) Bool(t AttributeType) (v, ok bool) {
	a, found := tmpl.Find(t)
	if !found || len(a.Value) != 1 || a.Value[0] > 1 {
		return false, false
	}
	return a.Value[0] == CK_TRUE, true
}
