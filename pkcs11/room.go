package main

/*
#include "front/core.h"
*/
import "C"

import (
	"sync"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// room is a mechanism with memory for the parameters that most operations have: an IV,
// a counter, a length, those of GCM. When the operation has ended the room is used
// again, so that starting one takes no memory.
type room struct {
	ck.Mechanism
	bytes  ck.BytesParam
	ulong  ck.UlongParam
	ctr    ck.CTRParams
	gcm    ck.GCMParams
	buffer [roomBytes]byte // what bytes and gcm refer to, where it is not longer
}

// roomBytes is how many bytes of IV and AAD together fit in a room: a TLS record's, and
// more.
const roomBytes = 48

var rooms = sync.Pool{New: func() any { return new(room) }}

// Released gives the room to the next operation. What is in it is no secret.
func (r *room) Released() {
	// One by one: a structure that is made elsewhere and copied here makes the processor
	// wait, as long as all the rest takes. The same holds where a room is filled.
	r.Mechanism = ck.Mechanism{}
	r.bytes = ck.BytesParam{}
	r.gcm = ck.GCMParams{}
	rooms.Put(r)
}

// take returns n bytes of the room, or others if there are more.
func (r *room) take(n C.CK_ULONG) []byte {
	if n > roomBytes {
		return make([]byte, n)
	}
	return r.buffer[:n:n]
}

// roomDecoders are those of paramDecoders that put a parameter into a room.
var roomDecoders = [len(paramDecoders)]func(r *room, p unsafe.Pointer, n C.CK_ULONG) (any, error){
	ck.ParamBytes:  decodeBytes,
	ck.ParamUlong:  decodeUlong,
	ck.ParamAESCTR: decodeCTR,
	ck.ParamGCM:    decodeGCM,
}

// alone makes a decoder that has a room for each parameter.
func alone(decode func(*room, unsafe.Pointer, C.CK_ULONG) (any, error)) func(unsafe.Pointer, C.CK_ULONG) (any, error) {
	return func(p unsafe.Pointer, n C.CK_ULONG) (any, error) { return decode(new(room), p, n) }
}

// furnished is the mechanism that info tells of, with the parameter of n bytes at p.
func furnished(info *api.MechanismInfo, p unsafe.Pointer, n C.CK_ULONG) (*ck.Mechanism, error) {
	if int(info.Param) >= len(roomDecoders) || roomDecoders[info.Param] == nil {
		param, err := decodeParam(info.Param, p, n)
		if err != nil {
			return nil, err
		}
		return &ck.Mechanism{Type: info.Type, Registration: info.Registration, Param: param}, nil
	}
	if n > maxCopy || p == nil && n > 0 {
		return nil, errParam
	}
	r := rooms.Get().(*room)
	param, err := roomDecoders[info.Param](r, p, n)
	if err != nil {
		r.Released()
		return nil, err
	}
	r.Type, r.Registration, r.Param, r.Owner = info.Type, info.Registration, param, r
	return &r.Mechanism, nil
}

func decodeBytes(r *room, p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	if n > maxCopy || p == nil && n > 0 {
		return nil, errParam
	}
	r.bytes.Bytes = r.take(n)
	copy(r.bytes.Bytes, unsafe.Slice((*byte)(p), int(n)))
	return &r.bytes, nil
}

func decodeUlong(r *room, p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	v, err := paramOf[C.CK_ULONG](p, n)
	if err != nil {
		return nil, err
	}
	r.ulong.Value = uint64(*v)
	return &r.ulong, nil
}

func decodeCTR(r *room, p unsafe.Pointer, n C.CK_ULONG) (any, error) {
	c, err := paramOf[cCTRParams](p, n)
	if err != nil {
		return nil, err
	}
	r.ctr.Bits = uint64(c.ulCounterBits)
	copy(r.ctr.Block[:], unsafe.Slice((*byte)(&c.cb[0]), len(c.cb)))
	return &r.ctr, nil
}
