package main

/*
#include "front/core.h"
*/
import "C"

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// dualOperation is two operations that one function continues: the cipher, and
// the one that takes in its plaintext.
type dualOperation struct {
	cipher operation
	other  slots.Kind
}

var (
	digestEncrypting = dualOperation{encrypting, slots.DigestOperation}
	decryptDigesting = dualOperation{decrypting, slots.DigestOperation}
	signEncrypting   = dualOperation{encrypting, slots.SignOperation}
	decryptVerifying = dualOperation{decrypting, slots.VerifyOperation}
)

func (d dualOperation) end(app *slots.App, h C.CK_SESSION_HANDLE, err error) C.CK_RV {
	return C.CK_RV(app.RefuseDual(ck.SessionHandle(h), d.cipher.kind, d.other, ck.Code(err)))
}

func (d dualOperation) abandon(app *slots.App, h C.CK_SESSION_HANDLE) {
	app.RefuseDual(ck.SessionHandle(h), d.cipher.kind, d.other, ck.CKR_GENERAL_ERROR)
}

func (d dualOperation) contain(h C.CK_SESSION_HANDLE, rv *C.CK_RV) {
	if recover() != nil {
		faulted(d, h, rv)
	}
}

func (d dualOperation) inputTooLong() ck.RV { return d.cipher.tooLong }

//export coffer_C_DigestEncryptUpdate
func coffer_C_DigestEncryptUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer digestEncrypting.contain(h, &rv)
	return transform(digestEncrypting, h, in, inLen, out, outLen, (*slots.App).DigestEncryptUpdate)
}

//export coffer_C_DecryptDigestUpdate
func coffer_C_DecryptDigestUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer decryptDigesting.contain(h, &rv)
	return transform(decryptDigesting, h, in, inLen, out, outLen, (*slots.App).DecryptDigestUpdate)
}

//export coffer_C_SignEncryptUpdate
func coffer_C_SignEncryptUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer signEncrypting.contain(h, &rv)
	return transform(signEncrypting, h, in, inLen, out, outLen, (*slots.App).SignEncryptUpdate)
}

//export coffer_C_DecryptVerifyUpdate
func coffer_C_DecryptVerifyUpdate(h C.CK_SESSION_HANDLE, in C.CK_BYTE_PTR, inLen C.CK_ULONG, out C.CK_BYTE_PTR, outLen C.CK_ULONG_PTR) (rv C.CK_RV) {
	defer decryptVerifying.contain(h, &rv)
	return transform(decryptVerifying, h, in, inLen, out, outLen, (*slots.App).DecryptVerifyUpdate)
}
