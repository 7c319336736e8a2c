package abitest

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestUnwrapOfImpossibleLength: mechanisms make room for the key before they look at
// it, so a length that no memory has must not reach them; Go ends the process when
// an allocation fails.
func TestUnwrapOfImpossibleLength(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	iv := bytes.Repeat([]byte{3}, 16)
	tmpl, n := k.template(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET))
	b, made := Address(k.Bytes(64, 0)), k.Ulongs(7)
	for _, m := range []uintptr{
		k.mechanism(ck.CKM_AES_ECB, nil),
		k.mechanism(ck.CKM_AES_CBC, iv),
		k.mechanism(ck.CKM_AES_CBC_PAD, iv),
		k.mechanism(ck.CKM_AES_GCM, k.gcmParams(true, iv[:12], nil)),
		k.mechanism(ck.CKM_AES_KEY_WRAP, nil),
		k.mechanism(ck.CKM_AES_KEY_WRAP_KWP, nil),
	} {
		for _, length := range []uintptr{1 << 36, 1 << 40, 1 << 47, 1 << 63} {
			k.want(ck.CKR_WRAPPED_KEY_LEN_RANGE, "C_UnwrapKey", k.h, m, key, b, length, tmpl, n, Address(made))
		}
		k.want(ck.CKR_ARGUMENTS_BAD, "C_UnwrapKey", k.h, m, key, 0, 64, tmpl, n, Address(made))
	}
	if made.At(0) != 7 {
		t.Error("a handle for nothing")
	}
}
