package main

/*
#include "front/core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// maxFunctionName is more than the bytes of the longest name of a function.
const maxFunctionName = 64

// functionName copies the name of a function, a string with a zero at its end. What
// is too long for one is cut, and then is none either.
func functionName(p C.CK_UTF8CHAR_PTR) (string, error) {
	if p == nil {
		return "", ck.CKR_ARGUMENTS_BAD
	}
	var name [maxFunctionName]byte
	n := 0
	for n < len(name) {
		c := *(*byte)(unsafe.Add(unsafe.Pointer(p), n))
		if c == 0 {
			break
		}
		name[n] = c
		n++
	}
	return string(name[:n]), nil
}

// writeAsyncData tells the result of a call in the background. pValue is where the
// call was to put its output; NULL if it has none.
func writeAsyncData(dst *cAsyncData, r *slots.AsyncResult) {
	dst.pValue = C.CK_BYTE_PTR(unsafe.Pointer(unsafe.SliceData(r.Buffer)))
	dst.ulValue = C.CK_ULONG(r.Length)
	dst.hObject = C.CK_OBJECT_HANDLE(r.Object)
	dst.hAdditionalObject = C.CK_OBJECT_HANDLE(r.Additional)
}

// coffer_C_AsyncComplete leaves the call pending where an argument is bad: what it
// has done could not be told.
//
//export coffer_C_AsyncComplete
func coffer_C_AsyncComplete(h C.CK_SESSION_HANDLE, function C.CK_UTF8CHAR_PTR, result C.CK_ASYNC_DATA_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	name, err := functionName(function)
	if err == nil && (result == nil || result.ulVersion != 0) {
		err = ck.CKR_ARGUMENTS_BAD
	}
	if err != nil {
		return refuse(app, h, err)
	}
	r, err := app.AsyncComplete(ck.SessionHandle(h), name)
	if r != nil {
		writeAsyncData(result, r)
	}
	return code(err)
}

//export coffer_C_AsyncGetID
func coffer_C_AsyncGetID(h C.CK_SESSION_HANDLE, function C.CK_UTF8CHAR_PTR, id C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	name, err := functionName(function)
	if err == nil && id == nil {
		err = ck.CKR_ARGUMENTS_BAD
	}
	if err != nil {
		return refuse(app, h, err)
	}
	n, err := app.AsyncGetID(ck.SessionHandle(h), name)
	if err == nil {
		*id = C.CK_ULONG(n)
	}
	return code(err)
}

//export coffer_C_AsyncJoin
func coffer_C_AsyncJoin(h C.CK_SESSION_HANDLE, function C.CK_UTF8CHAR_PTR, id C.CK_ULONG, data C.CK_BYTE_PTR, n C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	name, err := functionName(function)
	if err != nil {
		return refuse(app, h, err)
	}
	dst, err := output[byte](data, &n)
	if err != nil {
		return refuse(app, h, err)
	}
	return code(app.AsyncJoin(ck.SessionHandle(h), name, uint64(id), dst))
}
