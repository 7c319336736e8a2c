package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

//export coffer_C_VerifyInit
func coffer_C_VerifyInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return begin(h, m, k, (*slots.App).VerifyInit)
}

//export coffer_C_Verify
func coffer_C_Verify(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, signature C.CK_BYTE_PTR, signatureLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	data, err := input(in, inLen, verifying.tooLong)
	if err != nil {
		return verifying.end(app, h, err)
	}
	sig, err := input(signature, signatureLen, ck.CKR_SIGNATURE_LEN_RANGE)
	if err != nil {
		return verifying.end(app, h, err)
	}
	return code(app.Verify(ck.SessionHandle(h), data, sig))
}

//export coffer_C_VerifyUpdate
func coffer_C_VerifyUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return verifying.feed(h, in, inLen, (*slots.App).VerifyUpdate)
}

//export coffer_C_VerifyFinal
func coffer_C_VerifyFinal(h C.CK_SESSION_HANDLE, signature C.CK_BYTE_PTR, signatureLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	op := operation{verifying.kind, ck.CKR_SIGNATURE_LEN_RANGE}
	return op.feed(h, signature, signatureLen, (*slots.App).VerifyFinal)
}

//export coffer_C_VerifyRecoverInit
func coffer_C_VerifyRecoverInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return begin(h, m, k, (*slots.App).VerifyRecoverInit)
}

//export coffer_C_VerifyRecover
func coffer_C_VerifyRecover(h C.CK_SESSION_HANDLE, signature C.CK_BYTE_PTR, signatureLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer verifyRecovering.contain(h, &rv)
	return verifyRecovering.transform(h, signature, signatureLen, out, outLen, (*slots.App).VerifyRecover)
}

//export coffer_C_VerifySignatureInit
func coffer_C_VerifySignatureInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE, signature C.CK_BYTE_PTR, signatureLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if m == nil { // to cancel: there need be no signature
		return code(app.VerifySignatureInit(ck.SessionHandle(h), nil, ck.ObjectHandle(k), nil))
	}
	mech, err := mechanism(app, m)
	if err != nil {
		return refuse(app, h, err)
	}
	sig, err := input(signature, signatureLen, ck.CKR_SIGNATURE_LEN_RANGE)
	if err == nil && len(sig) > maxCopy { // it is about to be copied
		err = ck.CKR_SIGNATURE_LEN_RANGE
	}
	if err != nil {
		return refuse(app, h, err)
	}
	return code(app.VerifySignatureInit(ck.SessionHandle(h), mech, ck.ObjectHandle(k), sig))
}

//export coffer_C_VerifySignature
func coffer_C_VerifySignature(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return verifyingSignature.feed(h, in, inLen, (*slots.App).VerifySignature)
}

//export coffer_C_VerifySignatureUpdate
func coffer_C_VerifySignatureUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return verifyingSignature.feed(h, in, inLen, (*slots.App).VerifySignatureUpdate)
}

//export coffer_C_VerifySignatureFinal
func coffer_C_VerifySignatureFinal(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).VerifySignatureFinal)
}
