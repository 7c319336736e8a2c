package main

/*
#include "front/core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The parameters of C_EncryptInit for AES-CCM and ChaCha20.
type (
	cCCMParams        = C.CK_CCM_PARAMS
	cChaChaParams     = C.CK_CHACHA20_PARAMS
	cChaChaPolyParams = C.CK_SALSA20_CHACHA20_POLY1305_PARAMS
)

var (
	_ = [1]int{}[unsafe.Sizeof(cCCMParams{})-48]
	_ = [1]int{}[unsafe.Sizeof(cChaChaParams{})-32]
	_ = [1]int{}[unsafe.Sizeof(cChaChaPolyParams{})-32]
)

// twoInner copies the nonce and the associated data that a structure points to.
func twoInner(nonce C.CK_BYTE_PTR, nonceLen C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen C.CK_ULONG) (n, a []byte, err error) {
	if n, err = inner(unsafe.Pointer(nonce), nonceLen); err != nil {
		return nil, nil, err
	}
	a, err = inner(unsafe.Pointer(aad), aadLen)
	return n, a, err
}

func decodeCCM(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cCCMParams](p, n)
	if err != nil {
		return nil, err
	}
	nonce, aad, err := twoInner(c.pNonce, c.ulNonceLen, c.pAAD, c.ulAADLen)
	if err != nil {
		return nil, err
	}
	return &ck.CCMParams{DataLen: uint64(c.ulDataLen), MACLen: uint64(c.ulMACLen), Nonce: nonce, AAD: aad}, nil
}

func decodeChaChaPoly(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cChaChaPolyParams](p, n)
	if err != nil {
		return nil, err
	}
	nonceLen, err := chachaNonceBytes(c.ulNonceLen)
	if err != nil {
		return nil, err
	}
	nonce, aad, err := twoInner(c.pNonce, nonceLen, c.pAAD, c.ulAADLen)
	if err != nil {
		return nil, err
	}
	return &ck.ChaCha20Poly1305Params{Nonce: nonce, AAD: aad}, nil
}

// decodeChaCha reads CK_CHACHA20_PARAMS. The byte order of the counter is the
// cipher's own, little-endian; the standard does not say.
func decodeChaCha(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cChaChaParams](p, n)
	if err != nil {
		return nil, err
	}
	if c.blockCounterBits != 32 && c.blockCounterBits != 64 || c.ulNonceBits%8 != 0 {
		return nil, errParam
	}
	counter, nonce, err := twoInner(c.pBlockCounter, c.blockCounterBits/8, c.pNonce, c.ulNonceBits/8)
	if err != nil {
		return nil, err
	}
	params := &ck.ChaCha20Params{Nonce: nonce}
	for i, b := range counter {
		params.Counter |= uint64(b) << (8 * i)
	}
	return params, nil
}
