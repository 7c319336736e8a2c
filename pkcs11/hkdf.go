package main

/*
#include "front/core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

type cHKDFParams = C.CK_HKDF_PARAMS

var _ = [1]int{}[unsafe.Sizeof(cHKDFParams{})-64]

func decodeHKDF(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cHKDFParams](p, n)
	if err != nil {
		return nil, err
	}
	params := &ck.HKDFParams{
		Extract: c.bExtract != ck.CK_FALSE, Expand: c.bExpand != ck.CK_FALSE,
		Hash: ck.MechanismType(c.prfHashMechanism), SaltType: ck.Flags(c.ulSaltType), SaltKey: ck.ObjectHandle(c.hSaltKey),
	}
	if params.SaltType == ck.CKF_HKDF_SALT_DATA {
		if params.Salt, err = inner(unsafe.Pointer(c.pSalt), c.ulSaltLen); err != nil {
			return nil, err
		}
	}
	params.Info, err = inner(unsafe.Pointer(c.pInfo), c.ulInfoLen)
	if err != nil {
		return nil, err
	}
	return params, nil
}
