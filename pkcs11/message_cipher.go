package main

/*
#include "front/core.h"
*/
import "C"

import "github.com/coffer-hsm/coffer/slots"

//export coffer_C_MessageEncryptInit
func coffer_C_MessageEncryptInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return beginMessages(h, m, k, (*slots.App).MessageEncryptInit)
}

//export coffer_C_EncryptMessage
func coffer_C_EncryptMessage(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen C.CK_ULONG,
	in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	c := messageCall{param, paramLen, aad, aadLen, in, inLen, out, outLen}
	return message{messageEncrypting, slots.MessageWhole}.transform(h, c, (*slots.App).EncryptMessage)
}

//export coffer_C_EncryptMessageBegin
func coffer_C_EncryptMessageBegin(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return message{messageEncrypting, slots.MessageBegin}.begin(h, param, paramLen, aad, aadLen, (*slots.App).EncryptMessageBegin)
}

//export coffer_C_EncryptMessageNext
func coffer_C_EncryptMessageNext(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG,
	in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR, flags C.CK_FLAGS) (rv C.CK_RV) {
	defer contain(&rv)
	c := messageCall{param: param, paramLen: paramLen, in: in, inLen: inLen, out: out, outLen: outLen}
	return message{operation: messageEncrypting}.next(h, c, flags, (*slots.App).EncryptMessageNext)
}

//export coffer_C_MessageEncryptFinal
func coffer_C_MessageEncryptFinal(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).MessageEncryptFinal)
}

//export coffer_C_MessageDecryptInit
func coffer_C_MessageDecryptInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return beginMessages(h, m, k, (*slots.App).MessageDecryptInit)
}

//export coffer_C_DecryptMessage
func coffer_C_DecryptMessage(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen C.CK_ULONG,
	in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer contain(&rv)
	c := messageCall{param, paramLen, aad, aadLen, in, inLen, out, outLen}
	return message{messageDecrypting, slots.MessageWhole}.transform(h, c, (*slots.App).DecryptMessage)
}

//export coffer_C_DecryptMessageBegin
func coffer_C_DecryptMessageBegin(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG, aad C.CK_BYTE_PTR, aadLen C.CK_ULONG) (rv C.CK_RV) {
	defer contain(&rv)
	return message{messageDecrypting, slots.MessageBegin}.begin(h, param, paramLen, aad, aadLen, (*slots.App).DecryptMessageBegin)
}

//export coffer_C_DecryptMessageNext
func coffer_C_DecryptMessageNext(h C.CK_SESSION_HANDLE, param C.CK_VOID_PTR, paramLen C.CK_ULONG,
	in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR, flags C.CK_FLAGS) (rv C.CK_RV) {
	defer contain(&rv)
	c := messageCall{param: param, paramLen: paramLen, in: in, inLen: inLen, out: out, outLen: outLen}
	return message{operation: messageDecrypting}.next(h, c, flags, (*slots.App).DecryptMessageNext)
}

//export coffer_C_MessageDecryptFinal
func coffer_C_MessageDecryptFinal(h C.CK_SESSION_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return onSession(h, (*slots.App).MessageDecryptFinal)
}
