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

// optionalMechanism reads a CK_MECHANISM where NULL means something (3.0: to
// cancel the operation): it is nil.
func optionalMechanism(app *slots.App, m C.CK_MECHANISM_PTR) (*ck.Mechanism, error) {
	if m == nil {
		return nil, nil
	}
	return mechanism(app, m)
}

// mechanism deep-copies a CK_MECHANISM. Which parameter there must be is for
// the mechanism's registration to say. It takes memory for few of them: what has no
// parameter is there already, what has a common one is put into a room (room.go).
func mechanism(app *slots.App, m C.CK_MECHANISM_PTR) (*ck.Mechanism, error) {
	if m == nil {
		return nil, ck.CKR_ARGUMENTS_BAD
	}
	c := *m // one reading: another thread may be writing
	info, ok := app.Mechanism(ck.MechanismType(c.mechanism))
	switch {
	case !ok:
		return nil, ck.CKR_MECHANISM_INVALID
	case c.ulParameterLen == 0 && info.Bare != nil && withoutParam[info.Param]:
		return info.Bare, nil
	}
	return furnished(info, unsafe.Pointer(c.pParameter), c.ulParameterLen)
}

// withoutParam are the kinds of parameter that need not be there.
var withoutParam = [len(paramDecoders)]bool{ck.ParamNone: true, ck.ParamOptionalBytes: true, ck.ParamEdDSA: true}

// lookUp finds the mechanism that m names and the kind of its parameter, and leaves
// the parameter to be read.
func lookUp(app *slots.App, m C.CK_MECHANISM_PTR) (*ck.Mechanism, ck.ParamKind, error) {
	t := ck.MechanismType(m.mechanism)
	info, ok := app.Mechanism(t)
	if !ok {
		return nil, 0, ck.CKR_MECHANISM_INVALID
	}
	return &ck.Mechanism{Type: t, Registration: info.Registration}, info.Param, nil
}

// errParam is the one answer to a parameter that cannot be read.
const errParam = ck.CKR_MECHANISM_PARAM_INVALID

// decodeParam copies the parameter of n bytes at p, which is to be of the kind.
func decodeParam(kind ck.ParamKind, p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	if int(kind) >= len(paramDecoders) || paramDecoders[kind] == nil {
		return nil, ck.CKR_MECHANISM_INVALID
	}
	if n > maxCopy || p == nil && n > 0 {
		return nil, errParam
	}
	return paramDecoders[kind](p, n)
}

// paramDecoders has, for each kind, the function that copies such a parameter.
// p is not NULL if n is not 0.
var paramDecoders = [...]func(p unsafe.Pointer, n C.CK_ULONG) (any, error){
	ck.ParamNone:             decodeNone,
	ck.ParamBytes:            alone(decodeBytes),
	ck.ParamUlong:            alone(decodeUlong),
	ck.ParamRSAPSS:           decodePSS,
	ck.ParamRSAOAEP:          decodeOAEP,
	ck.ParamECDH1:            decodeECDH1,
	ck.ParamAESCTR:           alone(decodeCTR),
	ck.ParamGCM:              alone(decodeGCM),
	ck.ParamEdDSA:            optional(decodeEdDSA),
	ck.ParamRSAAESWrap:       decodeRSAAESWrap,
	ck.ParamOptionalBytes:    optional(alone(decodeBytes)),
	ck.ParamKeyData:          decodeKeyData,
	ck.ParamCBCEncryptData:   decodeCBCData,
	ck.ParamCCM:              decodeCCM,
	ck.ParamChaCha20:         decodeChaCha,
	ck.ParamChaCha20Poly1305: decodeChaChaPoly,
	ck.ParamHKDF:             decodeHKDF,
}

// optional makes a decoder answer nil to an empty parameter.
func optional(decode func(unsafe.Pointer, C.CK_ULONG) (any, error)) func(unsafe.Pointer, C.CK_ULONG) (any, error) {
	return func(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
		if n == 0 {
			return nil, nil
		}
		return decode(p, n)
	}
}

// decodeNone takes any pointer, as long as there is nothing behind it.
func decodeNone(_ unsafe.Pointer, n C.CK_ULONG) (any, error) {
	if n != 0 {
		return nil, errParam
	}
	return nil, nil
}

// paramOf is the structure of type T at p, if n is its length.
func paramOf[T any](p unsafe.Pointer, n C.CK_ULONG) (*T, error) {
	t := (*T)(p)
	if n != C.CK_ULONG(unsafe.Sizeof(*t)) {
		return nil, errParam
	}
	return t, nil
}

// inner copies the bytes that a structure points to.
func inner(p unsafe.Pointer, n C.CK_ULONG) ([]byte, error) {
	return copyBytes(p, n, maxCopy, errParam)
}

func decodePSS(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cPSSParams](p, n)
	if err != nil {
		return nil, err
	}
	return &ck.RSAPSSParams{
		Hash:    ck.MechanismType(c.hashAlg),
		MGF:     ck.MGF(c.mgf),
		SaltLen: uint64(c.sLen),
	}, nil
}

func decodeOAEP(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cOAEPParams](p, n)
	if err != nil {
		return nil, err
	}
	label, err := inner(unsafe.Pointer(c.pSourceData), c.ulSourceDataLen)
	if err != nil {
		return nil, err
	}
	return &ck.RSAOAEPParams{
		Hash:   ck.MechanismType(c.hashAlg),
		MGF:    ck.MGF(c.mgf),
		Source: uint64(c.source),
		Label:  label,
	}, nil
}

func decodeECDH1(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cECDH1Params](p, n)
	if err != nil {
		return nil, err
	}
	shared, err := inner(unsafe.Pointer(c.pSharedData), c.ulSharedDataLen)
	if err != nil {
		return nil, err
	}
	public, err := inner(unsafe.Pointer(c.pPublicData), c.ulPublicDataLen)
	if err != nil {
		return nil, err
	}
	return &ck.ECDH1Params{KDF: ck.KDF(c.kdf), SharedData: shared, PublicData: public}, nil
}

func decodeEdDSA(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cEdDSAParams](p, n)
	if err != nil {
		return nil, err
	}
	context, err := inner(unsafe.Pointer(c.pContextData), c.ulContextDataLen)
	if err != nil {
		return nil, err
	}
	return &ck.EdDSAParams{PreHash: c.phFlag != ck.CK_FALSE, Context: context}, nil
}

func decodeRSAAESWrap(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cRSAAESParams](p, n)
	if err != nil {
		return nil, err
	}
	if c.pOAEPParams == nil {
		return nil, errParam
	}
	oaep, err := decodeOAEP(unsafe.Pointer(c.pOAEPParams), C.CK_ULONG(unsafe.Sizeof(cOAEPParams{})))
	if err != nil {
		return nil, err
	}
	return &ck.RSAAESWrapParams{AESBits: uint64(c.ulAESKeyBits), OAEP: *oaep.(*ck.RSAOAEPParams)}, nil
}

func decodeKeyData(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cKeyData](p, n)
	if err != nil {
		return nil, err
	}
	return decodeBytes(new(room), unsafe.Pointer(c.pData), c.ulLen)
}

func decodeCBCData(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cCBCData](p, n)
	if err != nil {
		return nil, err
	}
	data, err := inner(unsafe.Pointer(c.pData), c.length)
	if err != nil {
		return nil, err
	}
	params := &ck.CBCEncryptDataParams{Data: data}
	copy(params.IV[:], unsafe.Slice((*byte)(&c.iv[0]), len(c.iv)))
	return params, nil
}
