package main

/*
#include "front/core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

const (
	// maxAttributes bounds a template; the standard has some 150 attribute types.
	maxAttributes = 1 << 16
	// maxNesting bounds templates within templates.
	maxNesting = 4

	attributeSize = C.CK_ULONG(unsafe.Sizeof(cAttribute{}))
)

// nests tells the attributes whose value is itself an array of CK_ATTRIBUTE.
// CKF_ARRAY_ATTRIBUTE does not tell: CKA_ALLOWED_MECHANISMS has it too, and the
// two templates that 3.2 added lack it.
func nests(t ck.AttributeType) bool {
	switch t {
	case ck.CKA_WRAP_TEMPLATE, ck.CKA_UNWRAP_TEMPLATE, ck.CKA_DERIVE_TEMPLATE,
		ck.CKA_ENCAPSULATE_TEMPLATE, ck.CKA_DECAPSULATE_TEMPLATE:
		return true
	}
	return false
}

// template deep-copies the caller's template: values may be wiped by the caller
// once the call returns. It never reads more than maxCopy bytes altogether.
func template(p C.CK_ATTRIBUTE_PTR, n C.CK_ULONG) (ck.Template, error) {
	var r templateReader
	t, err := r.whole(p, n)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// roomFor is how many bytes the values of a list take, where they are few, as they are
// in most templates: one piece of memory is made for them. It is a guess: what it is
// taken of may change.
func roomFor(list []cAttribute) int {
	const few = 1 << 10
	n := C.CK_ULONG(0)
	for i := range list {
		if n += min(list[i].ulValueLen, few+1); n > few {
			return 0
		}
	}
	return int(n)
}

// attributes is the caller's template where it is.
func attributes(p C.CK_ATTRIBUTE_PTR, n C.CK_ULONG) ([]cAttribute, error) {
	if n > maxAttributes || p == nil && n > 0 {
		return nil, ck.CKR_ARGUMENTS_BAD
	}
	return unsafe.Slice((*cAttribute)(unsafe.Pointer(p)), int(n)), nil
}

// templateReader copies templates until its budget of bytes is spent: a template
// may point to itself, or many times to the same large value.
type templateReader struct {
	budget  int
	room    []byte      // what is left is behind its length
	list    ck.Template // room for the first list that fits
	spilled bool        // a value is outside of room
}

// whole copies the caller's template. With an error it returns what it has copied so far,
// of which what may be a key is wiped.
func (r *templateReader) whole(p C.CK_ATTRIBUTE_PTR, n C.CK_ULONG) (ck.Template, error) {
	list, err := attributes(p, n)
	if err != nil {
		return nil, err
	}
	if r.budget = maxCopy; r.room == nil {
		r.room = make([]byte, 0, roomFor(list))
	}
	t, err := r.read(list, maxNesting)
	if err != nil {
		object.WipeTemplate(t)
	}
	return t, err
}

// take is copyBytes into room, as long as there is some.
func (r *templateReader) take(p unsafe.Pointer, n C.CK_ULONG) ([]byte, error) {
	at := len(r.room)
	if n == 0 || n > C.CK_ULONG(cap(r.room)-at) {
		r.spilled = r.spilled || n > 0
		return copyBytes(p, n, maxCopy, ck.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	r.room = append(r.room, unsafe.Slice((*byte)(p), int(n))...)
	return r.room[at:len(r.room):len(r.room)], nil
}

// spend takes n bytes from the budget.
func (r *templateReader) spend(n C.CK_ULONG) error {
	if n > C.CK_ULONG(r.budget) {
		return ck.CKR_ATTRIBUTE_VALUE_INVALID
	}
	r.budget -= int(n)
	return nil
}

// read copies a list. With an error it returns what it has copied so far.
func (r *templateReader) read(list []cAttribute, depth int) (ck.Template, error) {
	if depth == 0 {
		return nil, ck.CKR_ATTRIBUTE_VALUE_INVALID
	}
	t := r.places(len(list))
	for i := range list {
		c := list[i] // one reading: another thread may be writing
		if c.pValue == nil && c.ulValueLen > 0 {
			return t, ck.CKR_ATTRIBUTE_VALUE_INVALID
		}
		if err := r.spend(c.ulValueLen); err != nil {
			return t, err
		}
		if err := r.attribute(&t[i], c, depth); err != nil {
			return t, err
		}
	}
	return t, nil
}

// places makes a list of n attributes.
func (r *templateReader) places(n int) ck.Template {
	if n == 0 || n > len(r.list) {
		return make(ck.Template, n)
	}
	t := r.list[:n:n]
	r.list = nil
	return t
}

// attribute copies one attribute, whose length is in the budget, to its place.
func (r *templateReader) attribute(a *ck.Attribute, c cAttribute, depth int) (err error) {
	a.Type = ck.AttributeType(c._type)
	if !nests(a.Type) {
		a.Value, err = r.take(unsafe.Pointer(c.pValue), c.ulValueLen)
		return err
	}
	if c.ulValueLen%attributeSize != 0 {
		return ck.CKR_ATTRIBUTE_VALUE_INVALID
	}
	inner := unsafe.Slice((*cAttribute)(unsafe.Pointer(c.pValue)), int(c.ulValueLen/attributeSize))
	a.Nested, err = r.read(inner, depth-1)
	return err
}
