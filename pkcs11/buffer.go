package main

/*
#include "front/core.h"
*/
import "C"

import (
	"bytes"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

const (
	// maxLength is the largest length in bytes that a caller can mean: more than
	// the address space of a process on a 64-bit machine. CK_UNAVAILABLE_INFORMATION
	// is above it.
	maxLength = 1 << 47

	// maxCopy bounds what one call makes this library copy. Go cannot recover from
	// a failed allocation, so a length that lies must never reach one.
	maxCopy = 16 << 20

	// maxTangled bounds the copy of an input that overlaps its output.
	maxTangled = 1 << 30
)

// input is the n bytes at p, where they are. (NULL, 0) is no bytes.
func input(p C.CK_BYTE_PTR, n C.CK_ULONG, tooLong ck.RV) ([]byte, error) {
	switch {
	case p == nil && n > 0:
		return nil, ck.CKR_ARGUMENTS_BAD
	case n > maxLength:
		return nil, tooLong
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), int(n)), nil
}

// output is the *n elements at p, where they are, as type G, which is as large
// as the C type X. A NULL p is nil, the question for the length.
func output[G, X any](p *X, n C.CK_ULONG_PTR) ([]G, error) {
	if n == nil {
		return nil, ck.CKR_ARGUMENTS_BAD
	}
	if p == nil {
		return nil, nil
	}
	if *n > maxLength/C.CK_ULONG(unsafe.Sizeof(*p)) {
		return nil, ck.CKR_ARGUMENTS_BAD
	}
	return unsafe.Slice((*G)(unsafe.Pointer(p)), int(*n)), nil
}

// tell sets *n to got if the code of err is one that says a length.
func tell(n C.CK_ULONG_PTR, got int, err error) C.CK_RV {
	rv := ck.Code(err)
	if rv == ck.CKR_OK || rv == ck.CKR_BUFFER_TOO_SMALL {
		*n = C.CK_ULONG(got)
	}
	return C.CK_RV(rv)
}

// tangled reports whether src and dst share memory without starting at the same
// place. The layers below take the same memory or memory apart, nothing between.
func tangled(src, dst []byte) bool {
	if len(src) == 0 || len(dst) == 0 {
		return false
	}
	return &src[0] != &dst[0] && overlap(src, dst)
}

// overlap reports whether a and b share memory.
func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	p, q := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return p < q+uintptr(len(b)) && q < p+uintptr(len(a))
}

// untangle copies src, which is not empty. The caller wipes the copy: it may be a
// plaintext. A fault is an error here, so that the caller ends the operation.
func untangle(src []byte) (clone []byte, err error) {
	defer func() {
		if recover() != nil {
			err = ck.CKR_GENERAL_ERROR
		}
	}()
	if len(src) > maxTangled {
		return nil, ck.CKR_HOST_MEMORY
	}
	// A length that lies is a fault here, before as much memory is asked for: Go ends
	// the process where it gets none.
	clear(bytes.Clone(src[len(src)-1:]))
	return bytes.Clone(src), nil
}

// copyBytes copies the n bytes at p out of the caller's memory. The result is
// never nil. bad is the code for a NULL with a length and for one above limit.
func copyBytes(p unsafe.Pointer, n C.CK_ULONG, limit int, bad ck.RV) ([]byte, error) {
	if n > C.CK_ULONG(limit) || p == nil && n > 0 {
		return nil, bad
	}
	b := make([]byte, n)
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(p)), int(n)))
	return b, nil
}
