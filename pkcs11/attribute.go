package main

/*
#include "front/core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// unavailable is what ulValueLen is set to when there is no value to give.
const unavailable = ^C.CK_ULONG(0)

// questions lists the types that the caller asks for, and where it has no place for the
// value.
func questions(list []cAttribute) []api.AttributeResult {
	want := make([]api.AttributeResult, len(list))
	for i := range list {
		want[i].Type = ck.AttributeType(list[i]._type)
		want[i].Measure = list[i].pValue == nil
	}
	return want
}

// writeAttributes gives the caller what was found, by the five rules of
// C_GetAttributeValue (PKCS #11 3.2, section 5.7.5). All attributes are dealt
// with, whatever happens to one; the first that could not be given decides the
// code of the call.
func writeAttributes(list []cAttribute, found []api.AttributeResult) ck.RV {
	rv := ck.CKR_OK
	for i := range list {
		one := found[i].RV
		switch {
		case one != ck.CKR_OK:
			list[i].ulValueLen = unavailable // rules 1 and 2
		case found[i].Length > 0:
			list[i].ulValueLen = C.CK_ULONG(found[i].Length) // rule 3
		default:
			one = writeAttribute(&list[i], &found[i].Attribute)
		}
		if rv == ck.CKR_OK {
			rv = one
		}
	}
	return rv
}

// writeAttribute writes one value, or its length if the caller has no buffer.
func writeAttribute(dst *cAttribute, a *ck.Attribute) ck.RV {
	need := C.CK_ULONG(len(a.Value))
	if nests(a.Type) {
		need = C.CK_ULONG(len(a.Nested)) * attributeSize
	}
	space := dst.ulValueLen
	switch {
	case dst.pValue == nil: // rule 3
		dst.ulValueLen = need
		return ck.CKR_OK
	case space < need || space == unavailable: // rule 5
		dst.ulValueLen = unavailable
		return ck.CKR_BUFFER_TOO_SMALL
	}
	dst.ulValueLen = need // rule 4
	if nests(a.Type) {
		return writeNested(unsafe.Slice((*cAttribute)(unsafe.Pointer(dst.pValue)), len(a.Nested)), a.Nested)
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(dst.pValue)), len(a.Value)), a.Value)
	return ck.CKR_OK
}

// writeNested fills an array of CK_ATTRIBUTE that the caller has prepared: the
// elements' pValue and ulValueLen are taken as those of a template are, their
// types are told.
func writeNested(list []cAttribute, values []ck.Attribute) ck.RV {
	rv := ck.CKR_OK
	for i := range list {
		list[i]._type = C.CK_ATTRIBUTE_TYPE(values[i].Type)
		if one := writeAttribute(&list[i], &values[i]); rv == ck.CKR_OK {
			rv = one
		}
	}
	return rv
}
