package main

/*
#include "front/core.h"
*/
import "C"

import (
	"runtime/debug"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// current is the application between coffer_initialize and coffer_C_Finalize.
var current atomic.Pointer[slots.App]

// contain is what every export defers: it turns a panic into CKR_GENERAL_ERROR.
func contain(rv *C.CK_RV) {
	if recover() != nil {
		*rv = C.CK_RV(ck.CKR_GENERAL_ERROR)
	}
}

// application returns the current application, or nil with the code for that.
// From here on a fault in the caller's memory is a panic, so that contain sees
// it; without this it would be fatal for the host's process.
func application() (*slots.App, C.CK_RV) {
	debug.SetPanicOnFault(true)
	if app := current.Load(); app != nil {
		return app, C.CKR_OK
	}
	return nil, C.CKR_CRYPTOKI_NOT_INITIALIZED
}

// code is the CK_RV of err.
func code(err error) C.CK_RV { return C.CK_RV(ck.Code(err)) }

// operation is one of the kinds of operation that a session can have under way,
// as its functions see it.
type operation struct {
	kind    slots.Kind
	tooLong ck.RV // the code for an input of impossible length
}

// The kinds of operation. C_Digest and its like have no code for a bad length.
var (
	encrypting       = operation{slots.EncryptOperation, ck.CKR_DATA_LEN_RANGE}
	decrypting       = operation{slots.DecryptOperation, ck.CKR_ENCRYPTED_DATA_LEN_RANGE}
	digesting        = operation{slots.DigestOperation, ck.CKR_ARGUMENTS_BAD}
	signing          = operation{slots.SignOperation, ck.CKR_DATA_LEN_RANGE}
	signRecovering   = operation{slots.SignRecoverOperation, ck.CKR_DATA_LEN_RANGE}
	verifying        = operation{slots.VerifyOperation, ck.CKR_DATA_LEN_RANGE}
	verifyRecovering = operation{slots.VerifyRecoverOperation, ck.CKR_SIGNATURE_LEN_RANGE}

	verifyingSignature = operation{slots.VerifySignatureOperation, ck.CKR_DATA_LEN_RANGE}
)

// end answers for an argument error in a function of an operation under way,
// which it ends.
func (op operation) end(app *slots.App, h C.CK_SESSION_HANDLE, err error) C.CK_RV {
	return C.CK_RV(app.Refuse(ck.SessionHandle(h), op.kind, ck.Code(err)))
}

func (op operation) inputTooLong() ck.RV { return op.tooLong }

// abandon ends the operation, if it is one that can take a call.
func (op operation) abandon(app *slots.App, h C.CK_SESSION_HANDLE) {
	app.Refuse(ck.SessionHandle(h), op.kind, ck.CKR_GENERAL_ERROR)
}

// contain is what the functions with an output defer instead: it also ends the operation,
// where slots did not see the fault, at the length of the output.
func (op operation) contain(h C.CK_SESSION_HANDLE, rv *C.CK_RV) {
	if recover() != nil {
		faulted(op, h, rv)
	}
}

// faulted answers for a fault in a call on operations under way, which it ends.
func faulted[E ender](op E, h C.CK_SESSION_HANDLE, rv *C.CK_RV) {
	defer contain(rv)
	*rv = C.CK_RV(ck.CKR_GENERAL_ERROR)
	if app := current.Load(); app != nil {
		op.abandon(app, h)
	}
}

// refuse answers for an argument error in any other function of a session: a bad
// handle is told first.
func refuse(app *slots.App, h C.CK_SESSION_HANDLE, err error) C.CK_RV {
	return operation{kind: slots.NoOperation}.end(app, h, err)
}
