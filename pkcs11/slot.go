package main

/*
#include "front/core.h"
*/
import "C"

import (
	"bytes"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// labelSize is the size of the label that C_InitToken takes, in bytes.
const labelSize = 32

//export coffer_C_GetSlotList
func coffer_C_GetSlotList(tokenPresent C.CK_BBOOL, list C.CK_SLOT_ID_PTR, count C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	dst, err := output[ck.SlotID](list, count)
	if err != nil {
		return code(err)
	}
	n, err := app.GetSlotList(tokenPresent != ck.CK_FALSE, dst)
	return tell(count, n, err)
}

// coffer_C_WaitForSlotEvent never blocks: the front waits, with the host's signals
// let through, and asks again.
//
//export coffer_C_WaitForSlotEvent
func coffer_C_WaitForSlotEvent(flags C.CK_FLAGS, slot C.CK_SLOT_ID_PTR, reserved C.CK_VOID_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if slot == nil || reserved != nil || ck.Flags(flags)&^ck.CKF_DONT_BLOCK != 0 {
		return C.CKR_ARGUMENTS_BAD
	}
	id, err := app.WaitForSlotEvent()
	if err != nil {
		return code(err)
	}
	*slot = C.CK_SLOT_ID(id)
	return C.CKR_OK
}

//export coffer_C_GetMechanismList
func coffer_C_GetMechanismList(slot C.CK_SLOT_ID, list C.CK_MECHANISM_TYPE_PTR, count C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	dst, err := output[ck.MechanismType](list, count)
	if err != nil {
		return code(err)
	}
	n, err := app.GetMechanismList(ck.SlotID(slot), dst)
	return tell(count, n, err)
}

//export coffer_C_GetMechanismInfo
func coffer_C_GetMechanismInfo(slot C.CK_SLOT_ID, t C.CK_MECHANISM_TYPE, info C.CK_MECHANISM_INFO_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if info == nil {
		return C.CKR_ARGUMENTS_BAD
	}
	m, err := app.GetMechanismInfo(ck.SlotID(slot), ck.MechanismType(t))
	if err != nil {
		return code(err)
	}
	*info = cMechanismInfo{
		ulMinKeySize: C.CK_ULONG(m.Min),
		ulMaxKeySize: C.CK_ULONG(m.Max),
		flags:        C.CK_FLAGS(m.Flags),
	}
	return C.CKR_OK
}

//export coffer_C_InitToken
func coffer_C_InitToken(slot C.CK_SLOT_ID, pin C.CK_UTF8CHAR_PTR, pinLen C.CK_ULONG, label C.CK_UTF8CHAR_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if label == nil {
		return C.CKR_ARGUMENTS_BAD
	}
	secret, err := copyPIN(pin, pinLen)
	if err != nil {
		return code(err)
	}
	defer clear(secret)
	padded := unsafe.Slice((*byte)(unsafe.Pointer(label)), labelSize)
	return code(app.InitToken(ck.SlotID(slot), secret, string(bytes.TrimRight(padded, " "))))
}

//export coffer_C_CloseAllSessions
func coffer_C_CloseAllSessions(slot C.CK_SLOT_ID) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	return code(app.CloseAllSessions(ck.SlotID(slot)))
}

// coffer_C_OpenSession leaves pApplication and notify alone: Coffer surrenders
// to nobody (CKN_SURRENDER), so it has nothing to notify of.
//
//export coffer_C_OpenSession
func coffer_C_OpenSession(slot C.CK_SLOT_ID, flags C.CK_FLAGS, pApplication C.CK_VOID_PTR, notify C.CK_NOTIFY, session C.CK_SESSION_HANDLE_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	app, rv := application()
	if app == nil {
		return rv
	}
	if session == nil {
		return C.CKR_ARGUMENTS_BAD
	}
	// A thread has the handle on its own stack, most often.
	h, err := app.OpenSessionNear(ck.SlotID(slot), ck.Flags(flags), uint64(uintptr(unsafe.Pointer(session))))
	if err != nil {
		return code(err)
	}
	*session = C.CK_SESSION_HANDLE(h)
	return C.CKR_OK
}
