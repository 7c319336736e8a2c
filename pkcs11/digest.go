package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

//export coffer_C_DigestInit
func coffer_C_DigestInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, err := optionalMechanism(app, m)
	if err != nil {
		return refuse(app, h, err)
	}
	return code(app.DigestInit(ck.SessionHandle(h), mech))
}

//export coffer_C_Digest
func coffer_C_Digest(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer digesting.contain(h, &rv)
	return digesting.transform(h, in, inLen, out, outLen, (*slots.App).Digest)
}

//export coffer_C_DigestUpdate
func coffer_C_DigestUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return digesting.feed(h, in, inLen, (*slots.App).DigestUpdate)
}

//export coffer_C_DigestKey
func coffer_C_DigestKey(h C.CK_SESSION_HANDLE, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	return code(app.DigestKey(ck.SessionHandle(h), ck.ObjectHandle(k)))
}

//export coffer_C_DigestFinal
func coffer_C_DigestFinal(h C.CK_SESSION_HANDLE, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer digesting.contain(h, &rv)
	return digesting.finish(h, out, outLen, (*slots.App).DigestFinal)
}
