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

// The parameters of messages. They are not copied: the nonce and the tag are read
// and written where the caller has them, in the one call they come with.
type (
	cCCMMessage    = C.CK_CCM_MESSAGE_PARAMS
	cChaChaMessage = C.CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS
)

// The three structures differ in length, so that they are told apart by it and
// the shell need not know the mechanism. Whether it is the right one is for the
// operation to say.
var (
	_ = [1]int{}[unsafe.Sizeof(cCCMMessage{})-56]
	_ = [1]int{}[unsafe.Sizeof(cChaChaMessage{})-24]
)

// polyTagSize is the length of the tag that has no field in its structure: always
// 16 bytes (section 6.61.2).
const polyTagSize = 16

// messageParams is the parameter of n bytes at p, nil if there is none.
func messageParams(p C.CK_VOID_PTR, n C.CK_ULONG) (*ck.MessageParams, error) {
	switch {
	case n == 0:
		return nil, nil
	case p == nil:
		return nil, errParam
	}
	switch uintptr(n) {
	case unsafe.Sizeof(cGCMMessage{}):
		c := *(*cGCMMessage)(unsafe.Pointer(p)) // one reading: another thread may be writing
		if c.ulTagBits%8 != 0 {
			return nil, errParam
		}
		m := &ck.MessageParams{Kind: ck.GCMMessage, FixedBits: uint64(c.ulIvFixedBits), Generator: uint64(c.ivGenerator)}
		return place(m, c.pIv, c.ulIvLen, c.pTag, c.ulTagBits/8)
	case unsafe.Sizeof(cCCMMessage{}):
		c := *(*cCCMMessage)(unsafe.Pointer(p))
		m := &ck.MessageParams{Kind: ck.CCMMessage, FixedBits: uint64(c.ulNonceFixedBits), Generator: uint64(c.nonceGenerator),
			DataLen: uint64(c.ulDataLen)}
		return place(m, c.pNonce, c.ulNonceLen, c.pMAC, c.ulMACLen)
	case unsafe.Sizeof(cChaChaMessage{}):
		c := *(*cChaChaMessage)(unsafe.Pointer(p))
		nonceLen, err := chachaNonceBytes(c.ulNonceLen)
		if err != nil {
			return nil, err
		}
		return place(&ck.MessageParams{Kind: ck.ChaCha20Poly1305Message}, c.pNonce, nonceLen, c.pTag, polyTagSize)
	}
	return nil, errParam
}

// place puts the caller's memory into m. A tag need not have a place before the
// message ends.
func place(m *ck.MessageParams, nonce C.CK_BYTE_PTR, nonceLen C.CK_ULONG, tag C.CK_BYTE_PTR, tagLen C.CK_ULONG) (*ck.MessageParams, error) {
	if nonce == nil && nonceLen > 0 || nonceLen > maxCopy || tagLen > maxCopy {
		return nil, errParam
	}
	m.Nonce = unsafe.Slice((*byte)(unsafe.Pointer(nonce)), int(nonceLen))
	m.TagSize = int(tagLen)
	if tag != nil {
		m.Tag = unsafe.Slice((*byte)(unsafe.Pointer(tag)), int(tagLen))
	}
	return m, nil
}

// chachaNonceBytes reads the length of a nonce of ChaCha20-Poly1305. The standard
// gives it in bits (section 6.61.3); callers also give it in bytes, as other
// parameters have it. No length is both, and there are no others.
func chachaNonceBytes(n C.CK_ULONG) (C.CK_ULONG, error) {
	switch n {
	case 64, 96, 192:
		return n / 8, nil
	case 8, 12, 24:
		return n, nil
	}
	return 0, errParam
}

// messageInit reads the mechanism of C_MessageEncryptInit and C_MessageDecryptInit,
// nil for NULL. Its parameter is that of a message or nothing.
func messageInit(app *slots.App, m C.CK_MECHANISM_PTR) (*ck.Mechanism, error) {
	if m == nil {
		return nil, nil
	}
	mech, _, err := lookUp(app, m)
	if err != nil {
		return nil, err
	}
	param, err := messageParams(m.pParameter, m.ulParameterLen)
	if err != nil {
		return nil, err
	}
	if param != nil {
		mech.Param = param
	}
	return mech, nil
}
