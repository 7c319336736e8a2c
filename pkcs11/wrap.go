package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// wrapCall is the arguments of C_WrapKeyAuthenticated; C_WrapKey has no associated
// data.
type wrapCall struct {
	mechanism     C.CK_MECHANISM_PTR
	wrapping, key C.CK_OBJECT_HANDLE
	aad           C.CK_BYTE_PTR
	aadLen        C.CK_ULONG
	out           C.CK_BYTE_PTR
	outLen        C.CK_ULONG_PTR
}

// wrap is a function that gives a key out under another one.
func (c wrapCall) wrap(h C.CK_SESSION_HANDLE, mech mechanismReader,
	f func(app *slots.App, h ck.SessionHandle, m *ck.Mechanism, wrapping, key ck.ObjectHandle, aad, dst []byte) (int, error)) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	m, err := mech(app, c.mechanism)
	if err != nil {
		return refuse(app, h, err)
	}
	aad, err := input(c.aad, c.aadLen, ck.CKR_ARGUMENTS_BAD)
	if err != nil {
		return refuse(app, h, err)
	}
	dst, err := output[byte](c.out, c.outLen)
	if err != nil {
		return refuse(app, h, err)
	}
	n, err := f(app, ck.SessionHandle(h), m, ck.ObjectHandle(c.wrapping), ck.ObjectHandle(c.key), aad, dst)
	return tell(c.outLen, n, err)
}

//export coffer_C_WrapKey
func coffer_C_WrapKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, wrapping, key C.CK_OBJECT_HANDLE, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	c := wrapCall{mechanism: m, wrapping: wrapping, key: key, out: out, outLen: outLen}
	return c.wrap(h, wrapMechanism, func(app *slots.App, h ck.SessionHandle, m *ck.Mechanism, wrapping, key ck.ObjectHandle, _, dst []byte) (int, error) {
		return app.WrapKey(h, m, wrapping, key, dst)
	})
}

//export coffer_C_WrapKeyAuthenticated
func coffer_C_WrapKeyAuthenticated(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, wrapping, key C.CK_OBJECT_HANDLE,
	aad C.CK_BYTE_PTR, aadLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	c := wrapCall{m, wrapping, key, aad, aadLen, out, outLen}
	return c.wrap(h, messageMechanism, (*slots.App).WrapKeyAuthenticated)
}

// unwrapCall is the arguments of C_UnwrapKeyAuthenticated; C_UnwrapKey and
// C_DecapsulateKey have no associated data.
type unwrapCall struct {
	recipe
	unwrapping C.CK_OBJECT_HANDLE
	in         C.CK_BYTE_PTR
	inLen      C.CK_ULONG
	aad        C.CK_BYTE_PTR
	aadLen     C.CK_ULONG
}

// unwrap is a function that makes a key of what another one protects.
func (c unwrapCall) unwrap(h C.CK_SESSION_HANDLE, mech mechanismReader,
	f func(app *slots.App, h ck.SessionHandle, m *ck.Mechanism, unwrapping ck.ObjectHandle, src, aad []byte, t ck.Template) (ck.ObjectHandle, error)) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	m, t, err := c.read(app, mech)
	if err != nil {
		return refuse(app, h, err)
	}
	src, err := input(c.in, c.inLen, ck.CKR_WRAPPED_KEY_LEN_RANGE)
	if err != nil {
		return refuse(app, h, err)
	}
	aad, err := input(c.aad, c.aadLen, ck.CKR_ARGUMENTS_BAD)
	if err != nil {
		return refuse(app, h, err)
	}
	key, err := f(app, ck.SessionHandle(h), m, ck.ObjectHandle(c.unwrapping), src, aad, t)
	return hand(c.made, key, err)
}

//export coffer_C_UnwrapKey
func coffer_C_UnwrapKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, unwrapping C.CK_OBJECT_HANDLE, wrapped C.CK_BYTE_PTR, wrappedLen C.CK_ULONG,
	tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	c := unwrapCall{recipe: recipe{m, tmpl, n, made}, unwrapping: unwrapping, in: wrapped, inLen: wrappedLen}
	return c.unwrap(h, wrapMechanism, func(app *slots.App, h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle, src, _ []byte, t ck.Template) (ck.ObjectHandle, error) {
		return app.UnwrapKey(h, m, k, src, t)
	})
}

//export coffer_C_UnwrapKeyAuthenticated
func coffer_C_UnwrapKeyAuthenticated(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, unwrapping C.CK_OBJECT_HANDLE, wrapped C.CK_BYTE_PTR, wrappedLen C.CK_ULONG,
	tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	c := unwrapCall{recipe{m, tmpl, n, made}, unwrapping, wrapped, wrappedLen, aad, aadLen}
	return c.unwrap(h, messageMechanism, (*slots.App).UnwrapKeyAuthenticated)
}
