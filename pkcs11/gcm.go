package main

/*
#include "front/core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// gcmInline is how many bytes of IV and AAD together fit in the allocation that
// holds the parameter itself: a TLS record's, and more.
const gcmInline = 48

// decodeGCM reads CK_GCM_PARAMS in both of its layouts. ulIvBits is ignored:
// callers leave nonsense in it.
func decodeGCM(p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	if long, err := paramOf[cGCMParams](p, n); err == nil {
		return copyGCM(long.pIv, long.ulIvLen, long.pAAD, long.ulAADLen, long.ulTagBits)
	}
	short, err := paramOf[cGCMParamsShort](p, n)
	if err != nil {
		return nil, err
	}
	return copyGCM(short.pIv, short.ulIvLen, short.pAAD, short.ulAADLen, short.ulTagBits)
}

// copyGCM makes one allocation where IV and AAD are short, as they mostly are.
func copyGCM(iv C.CK_BYTE_PTR, ivLen C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen, tagBits C.CK_ULONG) (any, error) {
	if iv == nil && ivLen > 0 || aad == nil && aadLen > 0 || ivLen > maxCopy || aadLen > maxCopy {
		return nil, errParam
	}
	var c struct {
		ck.GCMParams
		inline [gcmInline]byte
	}
	g := &c
	g.TagBits = uint64(tagBits)
	buf := g.inline[:]
	if total := int(ivLen + aadLen); total > len(buf) {
		buf = make([]byte, total)
	}
	end := int(ivLen + aadLen)
	g.IV, g.AAD = buf[:ivLen:ivLen], buf[ivLen:end:end]
	copy(g.IV, unsafe.Slice((*byte)(unsafe.Pointer(iv)), int(ivLen)))
	copy(g.AAD, unsafe.Slice((*byte)(unsafe.Pointer(aad)), int(aadLen)))
	return &g.GCMParams, nil
}
