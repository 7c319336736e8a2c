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

// The parameters of AES-GCM when it wraps (section 6.13.3): the token may make the
// IV and hand it out in the caller's structure.

// wrapMechanism is mechanism for C_WrapKey and C_UnwrapKey, which take
// CK_GCM_WRAP_PARAMS where the encryption takes CK_GCM_PARAMS.
func wrapMechanism(app *slots.App, m C.CK_MECHANISM_PTR) (*ck.Mechanism, error) {
	if m == nil || m.ulParameterLen != C.CK_ULONG(unsafe.Sizeof(cGCMWrapParams{})) {
		return mechanism(app, m)
	}
	return otherMechanism(app, m, decodeGCMWrap)
}

// messageMechanism reads a mechanism with the parameter of its messages.
func messageMechanism(app *slots.App, m C.CK_MECHANISM_PTR) (*ck.Mechanism, error) {
	if m == nil {
		return nil, ck.CKR_ARGUMENTS_BAD
	}
	return otherMechanism(app, m, decodeGCMMessage)
}

// otherMechanism reads the mechanism m with a parameter that is not its usual one:
// decode reads that of AES-GCM, the one mechanism that has such.
func otherMechanism(app *slots.App, m C.CK_MECHANISM_PTR, decode func(unsafe.Pointer, C.CK_ULONG) (any, error)) (*ck.Mechanism, error) {
	mech, kind, err := lookUp(app, m)
	if err != nil || kind != ck.ParamGCM {
		return nil, ck.CKR_MECHANISM_INVALID
	}
	if m.pParameter == nil {
		return nil, errParam
	}
	if mech.Param, err = decode(unsafe.Pointer(m.pParameter), m.ulParameterLen); err != nil {
		return nil, err
	}
	return mech, nil
}

func decodeGCMWrap(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cGCMWrapParams](p, n)
	if err != nil {
		return nil, err
	}
	g, err := copyGCM(c.pIv, c.ulIvLen, c.pAAD, c.ulAADLen, c.ulTagBits)
	if err != nil {
		return nil, err
	}
	return &ck.GCMWrapParams{
		GCMParams: *g.(*ck.GCMParams), FixedBits: uint64(c.ulIvFixedBits), Generator: uint64(c.ivGenerator),
	}, nil
}

func decodeGCMMessage(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cGCMMessage](p, n)
	if err != nil {
		return nil, err
	}
	iv, err := inner(unsafe.Pointer(c.pIv), c.ulIvLen)
	if err != nil {
		return nil, err
	}
	if c.ulTagBits%8 != 0 {
		return nil, errParam
	}
	tag, err := inner(unsafe.Pointer(c.pTag), c.ulTagBits/8)
	if err != nil {
		return nil, err
	}
	return &ck.GCMMessageParams{
		IV: iv, FixedBits: uint64(c.ulIvFixedBits), Generator: uint64(c.ivGenerator), Tag: tag,
	}, nil
}

// returnParam hands out what the token has put into the parameter of m.
func returnParam(m C.CK_MECHANISM_PTR, made *ck.Mechanism) {
	switch p := made.Param.(type) {
	case *ck.GCMWrapParams:
		c := (*cGCMWrapParams)(unsafe.Pointer(m.pParameter))
		copy(unsafe.Slice((*byte)(unsafe.Pointer(c.pIv)), len(p.IV)), p.IV)
	case *ck.GCMMessageParams:
		c := (*cGCMMessage)(unsafe.Pointer(m.pParameter))
		copy(unsafe.Slice((*byte)(unsafe.Pointer(c.pIv)), len(p.IV)), p.IV)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(c.pTag)), len(p.Tag)), p.Tag)
	}
}
