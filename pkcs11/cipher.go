package main

/*
#include "front/core.h"
*/
import "C"

import "github.com/coffer-hsm/coffer/slots"

//export coffer_C_EncryptInit
func coffer_C_EncryptInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return begin(h, m, k, (*slots.App).EncryptInit)
}

//export coffer_C_Encrypt
func coffer_C_Encrypt(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer encrypting.contain(h, &rv)
	return encrypting.transform(h, in, inLen, out, outLen, (*slots.App).Encrypt)
}

//export coffer_C_EncryptUpdate
func coffer_C_EncryptUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer encrypting.contain(h, &rv)
	return encrypting.transform(h, in, inLen, out, outLen, (*slots.App).EncryptUpdate)
}

//export coffer_C_EncryptFinal
func coffer_C_EncryptFinal(h C.CK_SESSION_HANDLE, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer encrypting.contain(h, &rv)
	return encrypting.finish(h, out, outLen, (*slots.App).EncryptFinal)
}

//export coffer_C_DecryptInit
func coffer_C_DecryptInit(h C.CK_SESSION_HANDLE, m C.CK_MECHANISM_PTR, k C.CK_OBJECT_HANDLE) (rv C.CK_RV) {
	defer contain(&rv)
	return begin(h, m, k, (*slots.App).DecryptInit)
}

//export coffer_C_Decrypt
func coffer_C_Decrypt(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer decrypting.contain(h, &rv)
	return decrypting.transform(h, in, inLen, out, outLen, (*slots.App).Decrypt)
}

//export coffer_C_DecryptUpdate
func coffer_C_DecryptUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer decrypting.contain(h, &rv)
	return decrypting.transform(h, in, inLen, out, outLen, (*slots.App).DecryptUpdate)
}

//export coffer_C_DecryptFinal
func coffer_C_DecryptFinal(h C.CK_SESSION_HANDLE, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer decrypting.contain(h, &rv)
	return decrypting.finish(h, out, outLen, (*slots.App).DecryptFinal)
}
