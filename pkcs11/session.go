package main

/*
#include "front/core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// maxPIN is the longest PIN in bytes that is worth copying; partitions allow less.
const maxPIN = 1 << 12

// copyPIN copies a PIN; the caller wipes the copy. There is no protected
// authentication path, so a NULL PIN is not one. One of a length that no PIN has is not
// read.
func copyPIN(p C.CK_UTF8CHAR_PTR, n C.CK_ULONG) ([]byte, error) {
	switch {
	case p == nil:
		return nil, ck.CKR_ARGUMENTS_BAD
	case n > maxPIN:
		return slots.EndlessPIN, nil
	}
	return copyBytes(unsafe.Pointer(p), n, maxPIN, ck.CKR_ARGUMENTS_BAD)
}

//export coffer_C_CloseSession
func coffer_C_CloseSession(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).CloseSession)
}

//export coffer_C_GetSessionInfo
func coffer_C_GetSessionInfo(h C.CK_SESSION_HANDLE, info C.CK_SESSION_INFO_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	found, err := app.GetSessionInfo(ck.SessionHandle(h))
	if err != nil {
		return code(err)
	}
	if info == nil {
		return C.CKR_ARGUMENTS_BAD
	}
	writeSessionInfo(info, &found)
	return C.CKR_OK
}

//export coffer_C_GetSessionValidationFlags
func coffer_C_GetSessionValidationFlags(h C.CK_SESSION_HANDLE, kind C.CK_SESSION_VALIDATION_FLAGS_TYPE, flags C.CK_FLAGS_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if flags == nil {
		return refuse(app, h, ck.CKR_ARGUMENTS_BAD)
	}
	found, err := app.GetSessionValidationFlags(ck.SessionHandle(h), uint64(kind))
	if err != nil {
		return code(err)
	}
	*flags = C.CK_FLAGS(found)
	return C.CKR_OK
}

//export coffer_C_SessionCancel
func coffer_C_SessionCancel(h C.CK_SESSION_HANDLE, flags C.CK_FLAGS) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	return code(app.SessionCancel(ck.SessionHandle(h), ck.Flags(flags)))
}

//export coffer_C_Login
func coffer_C_Login(h C.CK_SESSION_HANDLE, user C.CK_USER_TYPE, pin C.CK_UTF8CHAR_PTR, pinLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return logIn(h, user, pin, pinLen, nil, 0)
}

//export coffer_C_LoginUser
func coffer_C_LoginUser(h C.CK_SESSION_HANDLE, user C.CK_USER_TYPE, pin C.CK_UTF8CHAR_PTR, pinLen C.CK_ULONG, name C.CK_UTF8CHAR_PTR, nameLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return logIn(h, user, pin, pinLen, name, nameLen)
}

// maxName is the longest name of a user in bytes that is worth copying.
const maxName = 1 << 12

func logIn(h C.CK_SESSION_HANDLE, user C.CK_USER_TYPE, pin C.CK_UTF8CHAR_PTR, pinLen C.CK_ULONG, name C.CK_UTF8CHAR_PTR, nameLen C.CK_ULONG) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	secret, err := copyPIN(pin, pinLen)
	if err != nil {
		return refuse(app, h, err)
	}
	defer clear(secret)
	who, err := copyBytes(unsafe.Pointer(name), nameLen, maxName, ck.CKR_ARGUMENTS_BAD)
	if err != nil {
		return refuse(app, h, err)
	}
	return code(app.LoginUser(ck.SessionHandle(h), ck.UserType(user), secret, who))
}

//export coffer_C_Logout
func coffer_C_Logout(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).Logout)
}

//export coffer_C_InitPIN
func coffer_C_InitPIN(h C.CK_SESSION_HANDLE, pin C.CK_UTF8CHAR_PTR, pinLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	secret, err := copyPIN(pin, pinLen)
	if err != nil {
		return refuse(app, h, err)
	}
	defer clear(secret)
	return code(app.InitPIN(ck.SessionHandle(h), secret))
}

//export coffer_C_SetPIN
func coffer_C_SetPIN(h C.CK_SESSION_HANDLE, old C.CK_UTF8CHAR_PTR, oldLen C.CK_ULONG, pin C.CK_UTF8CHAR_PTR, pinLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	before, err := copyPIN(old, oldLen)
	if err != nil {
		return refuse(app, h, err)
	}
	defer clear(before)
	after, err := copyPIN(pin, pinLen)
	if err != nil {
		return refuse(app, h, err)
	}
	defer clear(after)
	return code(app.SetPIN(ck.SessionHandle(h), before, after))
}

//export coffer_C_GetFunctionStatus
func coffer_C_GetFunctionStatus(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).GetFunctionStatus)
}

//export coffer_C_CancelFunction
func coffer_C_CancelFunction(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).CancelFunction)
}
