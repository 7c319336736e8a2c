package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

//export coffer_C_CreateObject
func coffer_C_CreateObject(h C.CK_SESSION_HANDLE, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if made == nil { // there must be a place for the handle before anything is made
		return refuse(app, h, ck.CKR_ARGUMENTS_BAD)
	}
	t, room, err := passingTemplate(tmpl, n)
	if err != nil {
		return refuse(app, h, err)
	}
	defer room.free(t) // it may hold a key; the object has its own copy
	o, err := app.CreateObject(ck.SessionHandle(h), t)
	return hand(made, o, err)
}

//export coffer_C_CopyObject
func coffer_C_CopyObject(h C.CK_SESSION_HANDLE, o C.CK_OBJECT_HANDLE, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	t, err := templateFor(tmpl, n, made)
	if err != nil {
		return refuse(app, h, err)
	}
	twin, err := app.CopyObject(ck.SessionHandle(h), ck.ObjectHandle(o), t)
	return hand(made, twin, err)
}

// templateFor copies a template for a function that will make an object: there
// must be a place for the handle before anything is made.
func templateFor(tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG, made C.CK_OBJECT_HANDLE_PTR) (ck.Template, error) {
	if made == nil {
		return nil, ck.CKR_ARGUMENTS_BAD
	}
	return template(tmpl, n)
}

// hand gives the caller the handle of what was made.
func hand(made C.CK_OBJECT_HANDLE_PTR, o ck.ObjectHandle, err error) C.CK_RV {
	if err == nil {
		*made = C.CK_OBJECT_HANDLE(o)
	}
	return code(err)
}

//export coffer_C_DestroyObject
func coffer_C_DestroyObject(h C.CK_SESSION_HANDLE, o C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	return code(app.DestroyObject(ck.SessionHandle(h), ck.ObjectHandle(o)))
}

//export coffer_C_GetObjectSize
func coffer_C_GetObjectSize(h C.CK_SESSION_HANDLE, o C.CK_OBJECT_HANDLE, size C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if size == nil {
		return refuse(app, h, ck.CKR_ARGUMENTS_BAD)
	}
	n, err := app.GetObjectSize(ck.SessionHandle(h), ck.ObjectHandle(o))
	return tell(size, n, err)
}

//export coffer_C_GetAttributeValue
func coffer_C_GetAttributeValue(h C.CK_SESSION_HANDLE, o C.CK_OBJECT_HANDLE, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	list, err := attributes(tmpl, n)
	if err != nil {
		return refuse(app, h, err)
	}
	found := questions(list)
	if err := app.GetAttributeValue(ck.SessionHandle(h), ck.ObjectHandle(o), found); err != nil {
		return code(err)
	}
	return C.CK_RV(writeAttributes(list, found))
}

//export coffer_C_SetAttributeValue
func coffer_C_SetAttributeValue(h C.CK_SESSION_HANDLE, o C.CK_OBJECT_HANDLE, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	t, err := template(tmpl, n)
	if err != nil {
		return refuse(app, h, err)
	}
	return code(app.SetAttributeValue(ck.SessionHandle(h), ck.ObjectHandle(o), t))
}

//export coffer_C_FindObjectsInit
func coffer_C_FindObjectsInit(h C.CK_SESSION_HANDLE, tmpl C.CK_ATTRIBUTE_PTR, n C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	t, room, err := passingTemplate(tmpl, n)
	if err != nil {
		return refuse(app, h, err)
	}
	defer room.free(t) // it may hold a value to look for
	return code(app.FindObjectsInit(ck.SessionHandle(h), t))
}

//export coffer_C_FindObjects
func coffer_C_FindObjects(h C.CK_SESSION_HANDLE, found C.CK_OBJECT_HANDLE_PTR, limit C.CK_ULONG, count C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if count == nil || found == nil && limit > 0 {
		return refuse(app, h, ck.CKR_ARGUMENTS_BAD)
	}
	dst, err := output[ck.ObjectHandle](found, &limit)
	if err != nil {
		return refuse(app, h, err)
	}
	n, err := app.FindObjects(ck.SessionHandle(h), dst)
	return tell(count, n, err)
}

//export coffer_C_FindObjectsFinal
func coffer_C_FindObjectsFinal(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).FindObjectsFinal)
}
