package abitest

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// hkdfKey is a key of 32 bytes to derive by HKDF from.
func (k *token) hkdfKey(fill byte) uintptr {
	return k.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_HKDF), ck.Bytes(ck.CKA_VALUE, bytes.Repeat([]byte{fill}, 32)),
		ck.Bool(ck.CKA_DERIVE, true), ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true))
}

// hkdf is a mechanism with CK_HKDF_PARAMS; the steps are its first two bytes.
func (k *token) hkdf(t ck.MechanismType, steps uintptr, saltType ck.Flags, saltKey uintptr, salt, info []byte) uintptr {
	return k.mechanism(t, k.structure(steps, uintptr(ck.CKM_SHA256), uintptr(saltType), Address(k.Copy(salt)), uintptr(len(salt)), saltKey,
		Address(k.Copy(info)), uintptr(len(info))))
}

// value reads CKA_VALUE.
func (k *token) value(object uintptr) []byte {
	out := k.Bytes(64, 0)
	attribute := k.Ulongs(uintptr(ck.CKA_VALUE), Address(out), 64)
	k.ok("C_GetAttributeValue", k.h, object, Address(attribute), 1)
	return out[:attribute.At(2)]
}

// TestHKDF: the salt as data and as a key, and the result as a key and as data.
func TestHKDF(t *testing.T) {
	const expand, both = 0x0100, 0x0101
	k := open(t)
	base, saltKey := k.hkdfKey(7), k.hkdfKey(9)
	info := []byte("\x00\x0ctls iv\x00")
	key, count := k.template(ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET), ck.Ulong[uint64](ck.CKA_VALUE_LEN, 20), ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true))
	data, dataCount := k.template(ck.Ulong[uint64](ck.CKA_VALUE_LEN, 12))
	secret, salt := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{9}, 32)
	made := k.Ulongs(0)
	for _, c := range []struct {
		name        string
		mech        uintptr
		tmpl, count uintptr
		salt        []byte
		n           int
	}{
		{"salt of data", k.hkdf(ck.CKM_HKDF_DERIVE, both, ck.CKF_HKDF_SALT_DATA, 0, salt, info), key, count, salt, 20},
		{"salt of a key", k.hkdf(ck.CKM_HKDF_DERIVE, both, ck.CKF_HKDF_SALT_KEY, saltKey, nil, info), key, count, salt, 20},
		{"no salt", k.hkdf(ck.CKM_HKDF_DERIVE, both, ck.CKF_HKDF_SALT_NULL, 99, salt, info), key, count, nil, 20},
		{"data", k.hkdf(ck.CKM_HKDF_DATA, both, ck.CKF_HKDF_SALT_KEY, saltKey, nil, info), data, dataCount, salt, 12},
	} {
		k.ok("C_DeriveKey", k.h, c.mech, base, c.tmpl, c.count, Address(made))
		want, err := hkdf.Key(sha256.New, secret, c.salt, string(info), c.n)
		if got := k.value(uintptr(made.At(0))); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", c.name, got, want)
		}
	}
	for _, c := range []struct {
		mech, base uintptr
		want       ck.RV
	}{
		{k.hkdf(ck.CKM_HKDF_DERIVE, both, ck.CKF_HKDF_SALT_KEY, 99999, nil, info), base, ck.CKR_KEY_HANDLE_INVALID},
		{k.hkdf(ck.CKM_HKDF_DERIVE, both, ck.CKF_HKDF_SALT_KEY, k.aesKey(), nil, info), base, ck.CKR_KEY_TYPE_INCONSISTENT},
		{k.hkdf(ck.CKM_HKDF_DERIVE, both, 7, 0, nil, info), base, ck.CKR_MECHANISM_PARAM_INVALID},
		{k.hkdf(ck.CKM_HKDF_DERIVE, 0, ck.CKF_HKDF_SALT_NULL, 0, nil, info), base, ck.CKR_MECHANISM_PARAM_INVALID},
		{k.mechanism(ck.CKM_HKDF_DERIVE, make([]byte, 63)), base, ck.CKR_MECHANISM_PARAM_INVALID},
		{k.mechanism(ck.CKM_HKDF_DERIVE, k.structure(expand, uintptr(ck.CKM_SHA256), 1, 0, 0, 0, Address(k.Copy(info)), 1<<63)), base, ck.CKR_MECHANISM_PARAM_INVALID},
		{k.mechanism(ck.CKM_HKDF_DERIVE, k.structure(both, uintptr(ck.CKM_SHA256), 2, 0, 1, 0, 0, 0)), base, ck.CKR_MECHANISM_PARAM_INVALID},
		{k.hkdf(ck.CKM_HKDF_DERIVE, both, ck.CKF_HKDF_SALT_NULL, 0, nil, info), k.aesKey(), ck.CKR_KEY_TYPE_INCONSISTENT},
	} {
		k.want(c.want, "C_DeriveKey", k.h, c.mech, c.base, key, count, Address(made))
	}
}

// TestHKDFProfile: what PKCS #11 Profiles 3.2, section 5.6, asks of an HKDF TLS Token, of
// a key that cannot be read.
func TestHKDFProfile(t *testing.T) {
	k := open(t)
	tmpl, count := k.template(ck.Ulong[uint64](ck.CKA_VALUE_LEN, 32))
	made := k.Ulongs(0)
	k.ok("C_GenerateKey", k.h, k.mechanism(ck.CKM_HKDF_KEY_GEN, nil), tmpl, count, Address(made))
	key := uintptr(made.At(0))
	data, dataCount := k.template(ck.Ulong[uint64](ck.CKA_VALUE_LEN, 12))
	for _, label := range []string{"tls iv", "tls quic iv"} {
		k.ok("C_DeriveKey", k.h, k.hkdf(ck.CKM_HKDF_DATA, 0x0100, 0, 0, nil, []byte("\x00\x0c"+label+"\x00")), key, data, dataCount, Address(made))
		if got := k.value(uintptr(made.At(0))); len(got) != 12 {
			t.Errorf("%s: %x", label, got)
		}
	}
	find, n := k.template(ck.Ulong(ck.CKA_CLASS, ck.CKO_PROFILE), ck.Ulong[uint64](ck.CKA_PROFILE_ID, ck.CKP_HKDF_TLS_TOKEN))
	found := k.Ulongs(0)
	k.ok("C_FindObjectsInit", k.h, find, n)
	k.ok("C_FindObjects", k.h, Address(made), 1, Address(found))
	k.ok("C_FindObjectsFinal", k.h)
	if found.At(0) != 1 {
		t.Error("no profile object")
	}
}
