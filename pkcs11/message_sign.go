package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

//export coffer_C_MessageSignInit
func coffer_C_MessageSignInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return begin(h, m, k, (*slots.App).MessageSignInit)
}

// sign is a function that gives out the signature of a message.
func (m message) sign(h C.CK_SESSION_HANDLE, c messageCall,
	f func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, src, dst []byte) (int, error)) C.CK_RV {
	return m.transform(h, c, func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, _, src, dst []byte) (int, error) {
		return f(app, h, p, src, dst)
	})
}

// start is C_SignMessageBegin and its like.
func (m message) start(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG,
	f func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams) error) C.CK_RV {
	return m.begin(h, param, paramLen, nil, 0, func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, _ []byte) error {
		return f(app, h, p)
	})
}

// feed is a function that takes in a part of a message.
func (m message) feed(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG, in C.CK_BYTE_PTR, inLen C.CK_ULONG,
	f func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, src []byte) error) C.CK_RV {
	return m.check(h, param, paramLen, in, inLen, nil, 0, func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, src, _ []byte) error {
		return f(app, h, p, src)
	})
}

// check is a function that takes in a message, or a part of it, and its signature.
func (m message) check(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG, in C.CK_BYTE_PTR, inLen C.CK_ULONG,
	signature C.CK_BYTE_PTR, signatureLen C.CK_ULONG,
	f func(app *slots.App, h ck.SessionHandle, p *ck.MessageParams, src, signature []byte) error) (rv C.CK_RV) {
	app, rv := application()
	if app == nil {
		return rv
	}
	defer m.contain(h, &rv)
	p, err := messageParams(param, paramLen)
	if err != nil {
		return m.end(app, h, err)
	}
	src, err := input(in, inLen, m.tooLong)
	if err != nil {
		return m.end(app, h, err)
	}
	sig, err := input(signature, signatureLen, ck.CKR_SIGNATURE_LEN_RANGE)
	if err != nil {
		return m.end(app, h, err)
	}
	return code(f(app, ck.SessionHandle(h), p, src, sig))
}

//export coffer_C_SignMessage
func coffer_C_SignMessage(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG,
	in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	c := messageCall{param: param, paramLen: paramLen, in: in, inLen: inLen, out: out, outLen: outLen}
	return message{messageSigning, slots.MessageWhole}.sign(h, c, (*slots.App).SignMessage)
}

//export coffer_C_SignMessageBegin
func coffer_C_SignMessageBegin(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return message{messageSigning, slots.MessageBegin}.start(h, param, paramLen, (*slots.App).SignMessageBegin)
}

//export coffer_C_SignMessageNext
func coffer_C_SignMessageNext(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG,
	in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	if outLen == nil { // more is to follow (section 5.14.4)
		return message{messageSigning, slots.MessageNext}.feed(h, param, paramLen, in, inLen, (*slots.App).SignMessageNext)
	}
	c := messageCall{param: param, paramLen: paramLen, in: in, inLen: inLen, out: out, outLen: outLen}
	return message{messageSigning, slots.MessageEnd}.sign(h, c, (*slots.App).SignMessageEnd)
}

//export coffer_C_MessageSignFinal
func coffer_C_MessageSignFinal(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).MessageSignFinal)
}

//export coffer_C_MessageVerifyInit
func coffer_C_MessageVerifyInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return begin(h, m, k, (*slots.App).MessageVerifyInit)
}

//export coffer_C_VerifyMessage
func coffer_C_VerifyMessage(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG,
	in C.CK_BYTE_PTR, inLen C.CK_ULONG, signature C.CK_BYTE_PTR, signatureLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return message{messageVerifying, slots.MessageWhole}.check(h, param, paramLen, in, inLen, signature, signatureLen, (*slots.App).VerifyMessage)
}

//export coffer_C_VerifyMessageBegin
func coffer_C_VerifyMessageBegin(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return message{messageVerifying, slots.MessageBegin}.start(h, param, paramLen, (*slots.App).VerifyMessageBegin)
}

//export coffer_C_VerifyMessageNext
func coffer_C_VerifyMessageNext(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG,
	in C.CK_BYTE_PTR, inLen C.CK_ULONG, signature C.CK_BYTE_PTR, signatureLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	if signature == nil { // more is to follow (section 5.16.4)
		return message{messageVerifying, slots.MessageNext}.feed(h, param, paramLen, in, inLen, (*slots.App).VerifyMessageNext)
	}
	return message{messageVerifying, slots.MessageEnd}.check(h, param, paramLen, in, inLen, signature, signatureLen, (*slots.App).VerifyMessageEnd)
}

//export coffer_C_MessageVerifyFinal
func coffer_C_MessageVerifyFinal(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).MessageVerifyFinal)
}
