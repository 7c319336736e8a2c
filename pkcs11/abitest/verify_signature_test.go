package abitest

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// sign signs data and returns the signature.
func (k *token) sign(mech, key uintptr, data []byte) []byte {
	k.Helper()
	out, n := k.Bytes(1024, 0), k.Ulongs(1024)
	k.ok("C_SignInit", k.h, mech, key)
	k.ok("C_Sign", k.h, Address(k.Copy(data)), uintptr(len(data)), Address(out), Address(n))
	return out[:n.At(0)]
}

// TestVerifySignature frees the signature after C_VerifySignatureInit.
func TestVerifySignature(t *testing.T) {
	k := open(t)
	pub, priv := k.rsaKeys()
	mech := k.mechanism(ck.CKM_SHA256_RSA_PKCS, nil)
	text := []byte("signed text")
	sig := k.sign(mech, priv, text)
	in := Address(k.Copy(text))
	begin := func(sig []byte) {
		mem := k.Copy(sig)
		k.ok("C_VerifySignatureInit", k.h, mech, pub, Address(mem), uintptr(len(mem)))
		clear(mem)
	}
	begin(sig)
	k.ok("C_VerifySignature", k.h, in, 11)
	begin(sig)
	k.ok("C_VerifySignatureUpdate", k.h, in, 5)
	k.ok("C_VerifySignatureUpdate", k.h, in+5, 6)
	k.ok("C_VerifySignatureFinal", k.h)
	begin(sig)
	k.want(ck.CKR_SIGNATURE_INVALID, "C_VerifySignature", k.h, in, 10)
	begin(sig[:255])
	k.want(ck.CKR_SIGNATURE_LEN_RANGE, "C_VerifySignature", k.h, in, 11)
	begin(nil)
	k.want(ck.CKR_SIGNATURE_LEN_RANGE, "C_VerifySignature", k.h, in, 11)
	begin(sig)
	k.want(ck.CKR_DATA_LEN_RANGE, "C_VerifySignature", k.h, in, 1<<63)
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_VerifySignature", k.h, in, 11)
	begin(sig)
	k.want(ck.CKR_ARGUMENTS_BAD, "C_VerifySignatureUpdate", k.h, 0, 11)
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_VerifySignatureFinal", k.h)

	for _, length := range []uintptr{1 << 30, 1 << 48, 1 << 63, uintptr(ck.CK_UNAVAILABLE_INFORMATION)} {
		k.want(ck.CKR_SIGNATURE_LEN_RANGE, "C_VerifySignatureInit", k.h, mech, pub, in, length)
	}
	k.want(ck.CKR_ARGUMENTS_BAD, "C_VerifySignatureInit", k.h, mech, pub, 0, 1)
	k.want(ck.CKR_KEY_HANDLE_INVALID, "C_VerifySignatureInit", k.h, mech, 0, in, 1)
	begin(sig)
	k.want(ck.CKR_OPERATION_ACTIVE, "C_VerifySignatureInit", k.h, mech, pub, in, 1)
	k.ok("C_VerifySignatureInit", k.h, 0, 0, 0, 0)
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_VerifySignatureFinal", k.h)
}
