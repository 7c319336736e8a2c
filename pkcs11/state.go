package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

//export coffer_C_GetOperationState
func coffer_C_GetOperationState(h C.CK_SESSION_HANDLE, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	return operation{kind: slots.NoOperation}.finish(h, out, outLen, (*slots.App).GetOperationState)
}

//export coffer_C_SetOperationState
func coffer_C_SetOperationState(h C.CK_SESSION_HANDLE, state C.CK_BYTE_PTR, stateLen C.CK_ULONG, encryption, authentication C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	saved, err := input(state, stateLen, ck.CKR_SAVED_STATE_INVALID)
	if err == nil && state == nil {
		err = ck.CKR_ARGUMENTS_BAD
	}
	if err == nil && len(saved) > maxCopy { // no state is as long
		err = ck.CKR_SAVED_STATE_INVALID
	}
	if err != nil {
		return refuse(app, h, err)
	}
	return code(app.SetOperationState(ck.SessionHandle(h), saved, ck.ObjectHandle(encryption), ck.ObjectHandle(authentication)))
}
