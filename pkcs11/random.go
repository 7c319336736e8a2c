package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// onBytes is a function of a session and a run of the caller's bytes, outside of
// any operation.
func onBytes(h C.CK_SESSION_HANDLE, p C.CK_BYTE_PTR, n C.CK_ULONG, f func(*slots.App, ck.SessionHandle, []byte) error) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	b, err := input(p, n, ck.CKR_ARGUMENTS_BAD)
	if err != nil {
		return refuse(app, h, err)
	}
	return code(f(app, ck.SessionHandle(h), b))
}

//export coffer_C_SeedRandom
func coffer_C_SeedRandom(h C.CK_SESSION_HANDLE, seed C.CK_BYTE_PTR, n C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return onBytes(h, seed, n, (*slots.App).SeedRandom)
}

//export coffer_C_GenerateRandom
func coffer_C_GenerateRandom(h C.CK_SESSION_HANDLE, random C.CK_BYTE_PTR, n C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return onBytes(h, random, n, (*slots.App).GenerateRandom)
}
