package abitest

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// mlkemPair makes a pair of ML-KEM-768.
func (k *token) mlkemPair() (pub, priv uintptr) {
	public, publicCount := k.template(ck.Ulong[uint64](ck.CKA_PARAMETER_SET, ck.CKP_ML_KEM_768))
	made := k.Ulongs(0, 0)
	k.ok("C_GenerateKeyPair", k.h, k.mechanism(ck.CKM_ML_KEM_KEY_PAIR_GEN, nil), public, publicCount, 0, 0, Address(made), Address(made[8:]))
	return uintptr(made.At(0)), uintptr(made.At(1))
}

func TestEncapsulateKey(t *testing.T) {
	k := open(t)
	pub, priv := k.mlkemPair()
	mech := k.mechanism(ck.CKM_ML_KEM, nil)
	tmpl, count := k.template(ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bool(ck.CKA_ENCRYPT, true))
	out, n, made := k.Bytes(1088, 0), k.Ulongs(0), k.Ulongs(0)

	// The question for the length makes no key, and needs no place for one.
	k.ok("C_EncapsulateKey", k.h, mech, pub, tmpl, count, 0, Address(n), 0)
	if n.At(0) != 1088 {
		t.Fatal(n.At(0))
	}
	n.Set(0, 1087)
	k.want(ck.CKR_BUFFER_TOO_SMALL, "C_EncapsulateKey", k.h, mech, pub, tmpl, count, Address(out), Address(n), Address(made))
	if n.At(0) != 1088 || made.At(0) != 0 || !bytes.Equal(out, make([]byte, 1088)) {
		t.Fatal("a call without room leaves something behind")
	}
	k.ok("C_EncapsulateKey", k.h, mech, pub, tmpl, count, Address(out), Address(n), Address(made))
	one := k.encrypted(uintptr(made.At(0)))
	k.ok("C_DecapsulateKey", k.h, mech, priv, tmpl, count, Address(out), 1088, Address(made))
	if two := k.encrypted(uintptr(made.At(0))); !bytes.Equal(one, two) {
		t.Error("the two sides have different keys")
	}
	k.encapsulateArguments(mech, pub, priv, tmpl, count, Address(out), Address(n), Address(made))
}

// encrypted is what a key makes of a block.
func (k *token) encrypted(key uintptr) []byte {
	k.ok("C_EncryptInit", k.h, k.mechanism(ck.CKM_AES_ECB, nil), key)
	out, n := k.Bytes(16, 0), k.Ulongs(16)
	k.ok("C_Encrypt", k.h, Address(k.Bytes(16, 0x5A)), 16, Address(out), Address(n))
	return bytes.Clone(out)
}

// encapsulateArguments leaves something out or makes it wrong.
func (k *token) encapsulateArguments(mech, pub, priv, tmpl, count, out, n, made uintptr) {
	ecb, param := k.mechanism(ck.CKM_AES_ECB, nil), k.mechanism(ck.CKM_ML_KEM, make([]byte, 8))
	for _, c := range []struct {
		rv   ck.RV
		args []uintptr
	}{
		{ck.CKR_ARGUMENTS_BAD, []uintptr{0, pub, tmpl, count, out, n, made}},
		{ck.CKR_ARGUMENTS_BAD, []uintptr{mech, pub, 0, count, out, n, made}},
		{ck.CKR_ARGUMENTS_BAD, []uintptr{mech, pub, tmpl, count, out, 0, made}},
		{ck.CKR_ARGUMENTS_BAD, []uintptr{mech, pub, tmpl, count, out, n, 0}},
		{ck.CKR_MECHANISM_INVALID, []uintptr{ecb, pub, tmpl, count, out, n, made}},
		{ck.CKR_MECHANISM_PARAM_INVALID, []uintptr{param, pub, tmpl, count, out, n, made}},
		{ck.CKR_KEY_HANDLE_INVALID, []uintptr{mech, 0, tmpl, count, out, n, made}},
		{ck.CKR_KEY_TYPE_INCONSISTENT, []uintptr{mech, priv, tmpl, count, out, n, made}},
	} {
		if rv := k.call("C_EncapsulateKey", append([]uintptr{k.h}, c.args...)...); rv != c.rv {
			k.Errorf("encapsulate %x: %v, want %v", c.args, rv, c.rv)
		}
	}
	for _, c := range []struct {
		rv   ck.RV
		args []uintptr
	}{
		{ck.CKR_ARGUMENTS_BAD, []uintptr{0, priv, tmpl, count, out, 1088, made}},
		{ck.CKR_ARGUMENTS_BAD, []uintptr{mech, priv, tmpl, count, 0, 1088, made}},
		{ck.CKR_ARGUMENTS_BAD, []uintptr{mech, priv, tmpl, count, out, 1088, 0}},
		{ck.CKR_WRAPPED_KEY_LEN_RANGE, []uintptr{mech, priv, tmpl, count, out, 1087, made}},
		{ck.CKR_WRAPPED_KEY_LEN_RANGE, []uintptr{mech, priv, tmpl, count, out, 1 << 63, made}},
		{ck.CKR_MECHANISM_INVALID, []uintptr{ecb, priv, tmpl, count, out, 1088, made}},
		{ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID, []uintptr{mech, 0, tmpl, count, out, 1088, made}},
		{ck.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, []uintptr{mech, pub, tmpl, count, out, 1088, made}},
	} {
		if rv := k.call("C_DecapsulateKey", append([]uintptr{k.h}, c.args...)...); rv != c.rv {
			k.Errorf("decapsulate %x: %v, want %v", c.args, rv, c.rv)
		}
	}
}
