package main

/*
#include "front/core.h"
*/
import "C"

import "github.com/coffer-hsm/coffer/slots"

//export coffer_C_SignInit
func coffer_C_SignInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return begin(h, m, k, (*slots.App).SignInit)
}

//export coffer_C_Sign
func coffer_C_Sign(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer signing.contain(h, &rv)
	return signing.transform(h, in, inLen, out, outLen, (*slots.App).Sign)
}

//export coffer_C_SignUpdate
func coffer_C_SignUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return signing.feed(h, in, inLen, (*slots.App).SignUpdate)
}

//export coffer_C_SignFinal
func coffer_C_SignFinal(h C.CK_SESSION_HANDLE, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer signing.contain(h, &rv)
	return signing.finish(h, out, outLen, (*slots.App).SignFinal)
}

//export coffer_C_SignRecoverInit
func coffer_C_SignRecoverInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return begin(h, m, k, (*slots.App).SignRecoverInit)
}

//export coffer_C_SignRecover
func coffer_C_SignRecover(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer signRecovering.contain(h, &rv)
	return signRecovering.transform(h, in, inLen, out, outLen, (*slots.App).SignRecover)
}
