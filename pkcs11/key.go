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
type recipe struct {
	mechanism C.CK_MECHANISM_PTR
	template  C.CK_ATTRIBUTE_PTR
	n         C.CK_ULONG
	made      C.CK_OBJECT_HANDLE_PTR
}

// A mechanismReader reads a CK_MECHANISM as one function takes it.
type mechanismReader func(*slots.App, C.CK_MECHANISM_PTR) (*ck.Mechanism, error)

// read copies the mechanism, by mech, and the template.
func (r recipe) read(app *slots.App, mech mechanismReader) (*ck.Mechanism, ck.Template, error) {
	m, err := mech(app, r.mechanism)
	if err != nil {
		return nil, nil, err
	}
	t, err := templateFor(r.template, r.n, r.made)
	return m, t, err
}

// create is a function that makes a key of nothing but its recipe.
func (r recipe) create(h C.CK_SESSION_HANDLE,
	f func(*slots.App, ck.SessionHandle, *ck.Mechanism, ck.Template) (ck.ObjectHandle, error)) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, t, err := r.read(app, mechanism)
	if err != nil {
		return refuse(app, h, err)
	}
	key, err := f(app, ck.SessionHandle(h), mech, t)
	return hand(r.made, key, err)
}

//export coffer_C_GenerateKey
func coffer_C_GenerateKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	return recipe{m, tmpl, n, made}.create(h, (*slots.App).GenerateKey)
}

//export coffer_C_DeriveKey
func coffer_C_DeriveKey(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, base C.CK_OBJECT_HANDLE, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	return recipe{m, tmpl, n, made}.create(h, func(app *slots.App, h ck.SessionHandle, mech *ck.Mechanism, t ck.Template) (ck.ObjectHandle, error) {
		return app.DeriveKey(h, mech, ck.ObjectHandle(base), t)
	})
}

//export coffer_C_GenerateKeyPair
func coffer_C_GenerateKeyPair(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, public C.CK_ATTRIBUTE_PTR, publicCount C.CK_ULONG,
	private C.CK_ATTRIBUTE_PTR, privateCount C.CK_ULONG, madePublic, madePrivate C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, pub, err := recipe{m, public, publicCount, madePublic}.read(app, mechanism)
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
