package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// The functions of PKCS #11 come in a few shapes; each is here once, and takes
// the method of slots.App that tells one function from the next. The functions
// passed are method expressions, so that no call allocates a closure.

// onSession is a function of a session and nothing else.
func onSession(h C.CK_SESSION_HANDLE, f func(*slots.App, ck.SessionHandle) error) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	return code(f(app, ck.SessionHandle(h)))
}

// begin is a function that starts an operation with a mechanism and a key.
func begin(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE,
	f func(*slots.App, ck.SessionHandle, *ck.Mechanism, ck.ObjectHandle) error) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	mech, err := optionalMechanism(app, m)
	if err != nil {
		return refuse(app, h, err)
	}
	return code(f(app, ck.SessionHandle(h), mech, ck.ObjectHandle(k)))
}

// transform is a function that turns an input into an output.
func (op operation) transform(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR,
	f func(app *slots.App, h ck.SessionHandle, src, dst []byte) (int, error)) C.CK_RV {
	return transform(op, h, in, inLen, out, outLen, f)
}

// ender is what answers for an argument error in a call on the operations under
// way, which it ends; after a fault it abandons them.
type ender interface {
	end(app *slots.App, h C.CK_SESSION_HANDLE, err error) C.CK_RV
	abandon(app *slots.App, h C.CK_SESSION_HANDLE)
	inputTooLong() ck.RV
}

func transform[E ender](op E, h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR,
	f func(app *slots.App, h ck.SessionHandle, src, dst []byte) (int, error)) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	src, err := input(in, inLen, op.inputTooLong())
	if err != nil {
		return op.end(app, h, err)
	}
	dst, err := output[byte](out, outLen)
	if err != nil {
		return op.end(app, h, err)
	}
	if tangled(src, dst) {
		if src, err = untangle(src); err != nil {
			return op.end(app, h, err)
		}
		defer clear(src)
	}
	n, err := f(app, ck.SessionHandle(h), src, dst)
	return tell(outLen, n, err)
}

// finish is a function that only has an output.
func (op operation) finish(h C.CK_SESSION_HANDLE, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR,
	f func(app *slots.App, h ck.SessionHandle, dst []byte) (int, error)) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	dst, err := output[byte](out, outLen)
	if err != nil {
		return op.end(app, h, err)
	}
	n, err := f(app, ck.SessionHandle(h), dst)
	return tell(outLen, n, err)
}

// feed is a function that only has an input.
func (op operation) feed(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG,
	f func(app *slots.App, h ck.SessionHandle, src []byte) error) C.CK_RV {
	app, rv := application()
	if app == nil {
		return rv
	}
	src, err := input(in, inLen, op.tooLong)
	if err != nil {
		return op.end(app, h, err)
	}
	return code(f(app, ck.SessionHandle(h), src))
}
