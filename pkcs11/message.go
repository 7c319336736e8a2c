package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// message is a call on a message of an operation under way.
type message struct {
	operation
	step slots.MessageStep
}

// end answers for an argument error in a call on a message, which it ends. The
// operation goes on.
func (m message) end(app *slots.App, h C.CK_SESSION_HANDLE, err error) C.CK_RV {
	return C.CK_RV(app.RefuseMessage(ck.SessionHandle(h), m.kind, m.step, ck.Code(err)))
}

var (
	messageEncrypting = operation{slots.MessageEncryptOperation, ck.CKR_DATA_LEN_RANGE}
	messageDecrypting = operation{slots.MessageDecryptOperation, ck.CKR_ENCRYPTED_DATA_LEN_RANGE}
	messageSigning    = operation{slots.MessageSignOperation, ck.CKR_DATA_LEN_RANGE}
	messageVerifying  = operation{slots.MessageVerifyOperation, ck.CKR_DATA_LEN_RANGE}
)

// beginMessages is a function that starts messages with a mechanism and a key.
func beginMessages(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE,
	f func(*slots.App, ck.SessionHandle, *ck.Mechanism, ck.ObjectHandle) error) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, err := messageInit(app, m)
	if err != nil {
		return refuse(app, h, err)
	}
	return code(f(app, ck.SessionHandle(h), mech, ck.ObjectHandle(k)))
}

// associated is the associated data of a message, copied if dst is about to be
// written over it.
func associated(aad C.CK_BYTE_PTR, n C.CK_ULONG, dst []byte) ([]byte, error) {
	data, err := input(aad, n, ck.CKR_ARGUMENTS_BAD)
	if err != nil || !overlap(data, dst) {
		return data, err
	}
	return untangle(data)
}

// messageCall is the arguments of C_EncryptMessage and its like.
type messageCall struct {
	param    C.CK_VOID_PTR
	paramLen C.CK_ULONG
	aad      C.CK_BYTE_PTR
	aadLen   C.CK_ULONG
	in       C.CK_BYTE_PTR
	inLen    C.CK_ULONG
	out      C.CK_BYTE_PTR
	outLen   C.CK_ULONG_PTR
}

// transform is a function that turns a message, or a part of one, into an output.
func (m message) transform(h C.CK_SESSION_HANDLE, c messageCall,
	f func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, aad, src, dst []byte) (int, error)) (rv C.CK_RV) {
	app, rv := application()
	if app == nil {
		return rv
	}
	defer m.contain(h, &rv)
	p, err := messageParams(c.param, c.paramLen)
	if err != nil {
		return m.end(app, h, err)
	}
	dst, err := output[byte](c.out, c.outLen)
	if err != nil {
		return m.end(app, h, err)
	}
	aad, err := associated(c.aad, c.aadLen, dst)
	if err != nil {
		return m.end(app, h, err)
	}
	return transform(m, h, c.in, c.inLen, c.out, c.outLen,
		func(app *slots.App, h ck.SessionHandle, src, dst []byte) (int, error) {
			return f(app, h, p, aad, src, dst)
		})
}

// begin is C_EncryptMessageBegin and its like.
func (m message) begin(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen C.CK_ULONG,
	f func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, aad []byte) error) (rv C.CK_RV) {
	app, rv := application()
	if app == nil {
		return rv
	}
	defer m.contain(h, &rv)
	p, err := messageParams(param, paramLen)
	if err != nil {
		return m.end(app, h, err)
	}
	data, err := associated(aad, aadLen, nil)
	if err != nil {
		return m.end(app, h, err)
	}
	return code(f(app, ck.SessionHandle(h), p, data))
}

// next is C_EncryptMessageNext and its like; m's step is told by the flags.
func (m message) next(h C.CK_SESSION_HANDLE, c messageCall, flags C.CK_FLAGS,
	f func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, src, dst []byte, end bool) (int, error)) C.CK_RV {
	last := ck.Flags(flags)&ck.CKF_END_OF_MESSAGE != 0
	m.step = slots.MessageNext
	if last {
		m.step = slots.MessageEnd
	}
	if ck.Flags(flags)&^ck.CKF_END_OF_MESSAGE != 0 {
		app, rv := application()
		if app == nil {
			return rv
		}
		return m.end(app, h, ck.CKR_ARGUMENTS_BAD)
	}
	return m.transform(h, c, func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, _, src, dst []byte) (int, error) {
		return f(app, h, p, src, dst, last)
	})
}
