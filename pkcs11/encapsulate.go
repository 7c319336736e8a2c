package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// coffer_C_EncapsulateKey makes no key when it is asked for the length only, and has
// no use for made then.
//
//export coffer_C_EncapsulateKey
func coffer_C_EncapsulateKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, public C.CK_OBJECT_HANDLE, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG,
	out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if out == nil && made == nil {
		made = new(C.CK_OBJECT_HANDLE)
	}
	mech, t, err := recipe{m, tmpl, n, made}.read(app, mechanism)
	if err != nil {
		return refuse(app, h, err)
	}
	dst, err := output[byte](out, outLen)
	if err != nil {
		return refuse(app, h, err)
	}
	size, key, err := app.EncapsulateKey(ck.SessionHandle(h), mech, ck.ObjectHandle(public), t, dst)
	if err == nil && dst != nil {
		*made = C.CK_OBJECT_HANDLE(key)
	}
	return tell(outLen, size, err)
}

//export coffer_C_DecapsulateKey
func coffer_C_DecapsulateKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, private C.CK_OBJECT_HANDLE, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG,
	ciphertext C.CK_BYTE_PTR, ciphertextLen C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	c := unwrapCall{recipe: recipe{m, tmpl, n, made}, unwrapping: private, in: ciphertext, inLen: ciphertextLen}
	return c.unwrap(h, mechanism, func(app *slots.App, h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle, src, _ []byte, t ck.Template) (ck.ObjectHandle, error) {
		return app.DecapsulateKey(h, m, k, t, src)
	})
}
