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

// The parameters of authenticated ciphers when they wrap (sections 6.13.3 and 6.13.5):
// the token may make the nonce and put it where the caller has it.

type cCCMWrapParams = C.CK_CCM_WRAP_PARAMS

var _ = [1]int{}[unsafe.Sizeof(cCCMWrapParams{})-64]

// wrapParams are the structures that C_WrapKey and C_UnwrapKey take too, by the kind of
// the one that the encryption takes, which has another length.
var wrapParams = map[ck.ParamKind]struct {
	size   uintptr
	decode func(unsafe.Pointer) (any, error)
}{
	ck.ParamGCM: {unsafe.Sizeof(cGCMWrapParams{}), decodeGCMWrap},
	ck.ParamCCM: {unsafe.Sizeof(cCCMWrapParams{}), decodeCCMWrap},
}

// wrapMechanism is mechanism for C_WrapKey and C_UnwrapKey.
func wrapMechanism(app *slots.App, m C.CK_MECHANISM_PTR) (*ck.Mechanism, error) {
	if m == nil {
		return nil, ck.CKR_ARGUMENTS_BAD
	}
	mech, kind, err := lookUp(app, m)
	if err != nil {
		return nil, err
	}
	if w, ok := wrapParams[kind]; ok && m.pParameter != nil && uintptr(m.ulParameterLen) == w.size {
		mech.Param, err = w.decode(unsafe.Pointer(m.pParameter))
	} else {
		mech.Param, err = decodeParam(kind, unsafe.Pointer(m.pParameter), m.ulParameterLen)
	}
	if err != nil {
		return nil, err
	}
	return mech, nil
}

// messageMechanism reads a mechanism with the parameter of its messages.
func messageMechanism(app *slots.App, m C.CK_MECHANISM_PTR) (*ck.Mechanism, error) {
	if m == nil {
		return nil, ck.CKR_ARGUMENTS_BAD
	}
	return messageInit(app, m)
}

func decodeGCMWrap(p unsafe.Pointer) (any, error) {
	c := *(*cGCMWrapParams)(p) // one reading: another thread may be writing
	return placeWrap(&ck.WrapParams{FixedBits: uint64(c.ulIvFixedBits), Generator: uint64(c.ivGenerator), TagBits: uint64(c.ulTagBits)},
		c.pIv, c.ulIvLen, c.pAAD, c.ulAADLen)
}

func decodeCCMWrap(p unsafe.Pointer) (any, error) {
	c := *(*cCCMWrapParams)(p)
	if c.ulMACLen > maxCopy {
		return nil, errParam
	}
	return placeWrap(&ck.WrapParams{FixedBits: uint64(c.ulNonceFixedBits), Generator: uint64(c.nonceGenerator), TagBits: 8 * uint64(c.ulMACLen)},
		c.pNonce, c.ulNonceLen, c.pAAD, c.ulAADLen)
}

// placeWrap puts the caller's nonce into w, and a copy of the associated data.
func placeWrap(w *ck.WrapParams, nonce C.CK_BYTE_PTR, nonceLen C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen C.CK_ULONG) (any, error) {
	if nonce == nil && nonceLen > 0 || nonceLen > maxCopy {
		return nil, errParam
	}
	w.Nonce = unsafe.Slice((*byte)(unsafe.Pointer(nonce)), int(nonceLen))
	var err error
	if w.AAD, err = inner(unsafe.Pointer(aad), aadLen); err != nil {
		return nil, err
	}
	return w, nil
}
