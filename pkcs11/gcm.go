package main

/*
#include "front/core.h"
*/
import "C"

import "unsafe"

// decodeGCM reads CK_GCM_PARAMS in both of its layouts. ulIvBits is ignored:
// callers leave nonsense in it.
func decodeGCM(r *room, p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	if long, err := paramOf[cGCMParams](p, n); err == nil {
		return r.copyGCM(long.pIv, long.ulIvLen, long.pAAD, long.ulAADLen, long.ulTagBits)
	}
	short, err := paramOf[cGCMParamsShort](p, n)
	if err != nil {
		return nil, err
	}
	return r.copyGCM(short.pIv, short.ulIvLen, short.pAAD, short.ulAADLen, short.ulTagBits)
}

// copyGCM puts IV and AAD one after the other, into the room if they are short.
func (r *room) copyGCM(iv C.CK_BYTE_PTR, ivLen C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen, tagBits C.CK_ULONG) (any, error) {
	if iv == nil && ivLen > 0 || aad == nil && aadLen > 0 || ivLen > maxCopy || aadLen > maxCopy {
		return nil, errParam
	}
	buf := r.take(ivLen + aadLen)
	r.gcm.IV, r.gcm.AAD, r.gcm.TagBits = buf[:ivLen:ivLen], buf[ivLen:], uint64(tagBits)
	copy(r.gcm.IV, unsafe.Slice((*byte)(unsafe.Pointer(iv)), int(ivLen)))
	copy(r.gcm.AAD, unsafe.Slice((*byte)(unsafe.Pointer(aad)), int(aadLen)))
	return &r.gcm, nil
}
