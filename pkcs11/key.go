package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// recipe is what the functions that make a key have in common: a mechanism, a
// template and a place for the handle.
func recipe(app *slots.App, m C.CK_MECHANISM_PTR, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (*ck.Mechanism, ck.Template, error) {
	return recipeOf(mechanism, app, m, tmpl, n, made)
}

// recipeOf is recipe where the mechanism is read by read.
func recipeOf(read func(*slots.App, C.CK_MECHANISM_PTR) (*ck.Mechanism, error), app *slots.App, m C.CK_MECHANISM_PTR,
	tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (*ck.Mechanism, ck.Template, error) {
	mech, err := read(app, m)
	if err != nil {
		return nil, nil, err
	}
	t, err := templateFor(tmpl, n, made)
	return mech, t, err
}

//export coffer_C_GenerateKey
func coffer_C_GenerateKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, t, err := recipe(app, m, tmpl, n, made)
	if err != nil {
		return refuse(app, h, err)
	}
	key, err := app.GenerateKey(ck.SessionHandle(h), mech, t)
	return hand(made, key, err)
}

//export coffer_C_GenerateKeyPair
func coffer_C_GenerateKeyPair(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, public C.CK_ATTRIBUTE_PTR, publicCount C.CK_ULONG,
	private C.CK_ATTRIBUTE_PTR, privateCount C.CK_ULONG, madePublic, madePrivate C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, pub, err := recipe(app, m, public, publicCount, madePublic)
	if err != nil {
		return refuse(app, h, err)
	}
	priv, err := templateFor(private, privateCount, madePrivate)
	if err != nil {
		return refuse(app, h, err)
	}
	pubKey, privKey, err := app.GenerateKeyPair(ck.SessionHandle(h), mech, pub, priv)
	if err == nil {
		*madePublic = C.CK_OBJECT_HANDLE(pubKey)
	}
	return hand(madePrivate, privKey, err)
}

//export coffer_C_WrapKey
func coffer_C_WrapKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, wrapping, key C.CK_OBJECT_HANDLE, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, err := wrapMechanism(app, m)
	if err != nil {
		return refuse(app, h, err)
	}
	dst, err := output[byte](out, outLen)
	if err != nil {
		return refuse(app, h, err)
	}
	n, err := app.WrapKey(ck.SessionHandle(h), mech, ck.ObjectHandle(wrapping), ck.ObjectHandle(key), dst)
	return tell(outLen, n, err)
}

//export coffer_C_WrapKeyAuthenticated
func coffer_C_WrapKeyAuthenticated(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, wrapping, key C.CK_OBJECT_HANDLE,
	aad C.CK_BYTE_PTR, aadLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, err := messageMechanism(app, m)
	if err != nil {
		return refuse(app, h, err)
	}
	data, err := input(aad, aadLen, ck.CKR_ARGUMENTS_BAD)
	if err != nil {
		return refuse(app, h, err)
	}
	dst, err := output[byte](out, outLen)
	if err != nil {
		return refuse(app, h, err)
	}
	n, err := app.WrapKeyAuthenticated(ck.SessionHandle(h), mech, ck.ObjectHandle(wrapping), ck.ObjectHandle(key), data, dst)
	return tell(outLen, n, err)
}

//export coffer_C_UnwrapKey
func coffer_C_UnwrapKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, unwrapping C.CK_OBJECT_HANDLE, wrapped C.CK_BYTE_PTR, wrappedLen C.CK_ULONG,
	tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, t, err := recipeOf(wrapMechanism, app, m, tmpl, n, made)
	if err != nil {
		return refuse(app, h, err)
	}
	src, err := input(wrapped, wrappedLen, ck.CKR_WRAPPED_KEY_LEN_RANGE)
	if err != nil {
		return refuse(app, h, err)
	}
	key, err := app.UnwrapKey(ck.SessionHandle(h), mech, ck.ObjectHandle(unwrapping), src, t)
	return hand(made, key, err)
}

//export coffer_C_UnwrapKeyAuthenticated
func coffer_C_UnwrapKeyAuthenticated(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, unwrapping C.CK_OBJECT_HANDLE, wrapped C.CK_BYTE_PTR, wrappedLen C.CK_ULONG,
	tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, t, err := recipeOf(messageMechanism, app, m, tmpl, n, made)
	if err != nil {
		return refuse(app, h, err)
	}
	src, err := input(wrapped, wrappedLen, ck.CKR_WRAPPED_KEY_LEN_RANGE)
	if err != nil {
		return refuse(app, h, err)
	}
	data, err := input(aad, aadLen, ck.CKR_ARGUMENTS_BAD)
	if err != nil {
		return refuse(app, h, err)
	}
	key, err := app.UnwrapKeyAuthenticated(ck.SessionHandle(h), mech, ck.ObjectHandle(unwrapping), src, data, t)
	return hand(made, key, err)
}

//export coffer_C_DeriveKey
func coffer_C_DeriveKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, base C.CK_OBJECT_HANDLE, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, t, err := recipe(app, m, tmpl, n, made)
	if err != nil {
		return refuse(app, h, err)
	}
	key, err := app.DeriveKey(ck.SessionHandle(h), mech, ck.ObjectHandle(base), t)
	return hand(made, key, err)
}
