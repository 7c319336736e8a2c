package abitest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/ccm"
)

// gcmMessage is CK_GCM_MESSAGE_PARAMS, the IV of which the token makes, in a
// CK_MECHANISM.
func (k *token) gcmMessage(iv, tag []byte) uintptr {
	param := k.Ulongs(Address(iv), uintptr(len(iv)), 0, ck.CKG_GENERATE, Address(tag), uintptr(8*len(tag)))
	return Address(k.Ulongs(uintptr(ck.CKM_AES_GCM), Address(param), uintptr(len(param))))
}

func (k *token) gcm() cipher.AEAD {
	k.Helper()
	block, err := aes.NewCipher([]byte("0123456789abcdef"))
	if err != nil {
		k.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		k.Fatal(err)
	}
	return aead
}

func TestWrapKeyAuthenticated(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	iv, tag, aad := k.Bytes(12, 0), k.Bytes(16, 0), k.Copy([]byte("header"))
	mech := k.gcmMessage(iv, tag)
	out, n := k.Bytes(16, 0), k.Ulongs(0)
	wrap := func(out uintptr) ck.RV {
		return k.call("C_WrapKeyAuthenticated", k.h, mech, key, key, Address(aad), 6, out, Address(n))
	}
	if rv := wrap(0); rv != ck.CKR_OK || n.At(0) != 16 {
		t.Fatal(rv, n.At(0))
	}
	n.Set(0, 15)
	if rv := wrap(Address(out)); rv != ck.CKR_BUFFER_TOO_SMALL || n.At(0) != 16 || !bytes.Equal(iv, make([]byte, 12)) {
		t.Fatal(rv, n.At(0), iv)
	}
	if rv := wrap(Address(out)); rv != ck.CKR_OK {
		t.Fatal(rv)
	}
	value, err := k.gcm().Open(nil, iv, append(bytes.Clone(out), tag...), []byte("header"))
	if err != nil || string(value) != "0123456789abcdef" {
		t.Fatalf("%q, %v", value, err)
	}

	tmpl, count := k.template(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bool(ck.CKA_SENSITIVE, false),
		ck.Bool(ck.CKA_EXTRACTABLE, true))
	h := Address(k.Ulongs(0))
	unwrap := func(wrapped []byte, aadLen uintptr) ck.RV {
		return k.call("C_UnwrapKeyAuthenticated", k.h, mech, key, Address(wrapped), uintptr(len(wrapped)), tmpl, count, Address(aad), aadLen, h)
	}
	if rv := unwrap(out, 6); rv != ck.CKR_OK {
		t.Error(rv)
	}
	if rv := unwrap(out, 5); rv != ck.CKR_WRAPPED_KEY_INVALID {
		t.Error(rv)
	}
	if rv := unwrap(out[:15], 6); rv != ck.CKR_WRAPPED_KEY_INVALID {
		t.Error(rv)
	}
	tag[0] ^= 1
	if rv := unwrap(out, 6); rv != ck.CKR_WRAPPED_KEY_INVALID {
		t.Error(rv)
	}
	k.authenticatedArguments(key, mech, Address(aad), Address(out), Address(n))
}

// authenticatedArguments leaves something out or makes it wrong.
func (k *token) authenticatedArguments(key, mech, aad, out, n uintptr) {
	ecb, short := k.mechanism(ck.CKM_AES_ECB, nil), k.mechanism(ck.CKM_AES_GCM, make([]byte, 40))
	null := Address(k.Ulongs(uintptr(ck.CKM_AES_GCM), 0, 48))
	noTag := Address(k.Ulongs(uintptr(ck.CKM_AES_GCM), Address(k.Ulongs(aad, 6, 0, 0, 0, 128)), 48))
	for _, c := range []struct {
		rv   ck.RV
		args []uintptr
	}{
		{ck.CKR_ARGUMENTS_BAD, []uintptr{0, key, key, aad, 6, out, n}},
		{ck.CKR_ARGUMENTS_BAD, []uintptr{mech, key, key, 0, 6, out, n}},
		{ck.CKR_ARGUMENTS_BAD, []uintptr{mech, key, key, aad, 1 << 63, out, n}},
		{ck.CKR_ARGUMENTS_BAD, []uintptr{mech, key, key, aad, 6, out, 0}},
		{ck.CKR_MECHANISM_INVALID, []uintptr{ecb, key, key, aad, 6, out, n}},
		{ck.CKR_MECHANISM_PARAM_INVALID, []uintptr{short, key, key, aad, 6, out, n}},
		{ck.CKR_MECHANISM_PARAM_INVALID, []uintptr{null, key, key, aad, 6, out, n}},
		{ck.CKR_MECHANISM_PARAM_INVALID, []uintptr{noTag, key, key, aad, 6, out, n}},
		{ck.CKR_WRAPPING_KEY_HANDLE_INVALID, []uintptr{mech, 0, key, aad, 6, out, n}},
		{ck.CKR_KEY_HANDLE_INVALID, []uintptr{mech, key, 0, aad, 6, out, n}},
	} {
		if rv := k.call("C_WrapKeyAuthenticated", append([]uintptr{k.h}, c.args...)...); rv != c.rv {
			k.Errorf("%x: %v, want %v", c.args, rv, c.rv)
		}
	}
}

// TestWrapParams has C_WrapKey make the IV (CK_GCM_WRAP_PARAMS).
func TestWrapParams(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	iv, aad := k.Bytes(12, 0), k.Copy([]byte("header"))
	param := k.Ulongs(Address(iv), 12, 0, ck.CKG_GENERATE, Address(aad), 6, 128)
	mech := Address(k.Ulongs(uintptr(ck.CKM_AES_GCM), Address(param), 56))
	out, n := k.Bytes(32, 0), k.Ulongs(32)
	k.ok("C_WrapKey", k.h, mech, key, key, Address(out), Address(n))
	value, err := k.gcm().Open(nil, iv, out, []byte("header"))
	if err != nil || string(value) != "0123456789abcdef" {
		t.Fatalf("%q, %v", value, err)
	}
	tmpl, count := k.template(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES))
	k.ok("C_UnwrapKey", k.h, mech, key, Address(out), 32, tmpl, count, Address(k.Ulongs(0)))
	k.want(ck.CKR_MECHANISM_PARAM_INVALID, "C_EncryptInit", k.h, mech, key)
	out[0] ^= 1
	k.want(ck.CKR_WRAPPED_KEY_INVALID, "C_UnwrapKey", k.h, mech, key, Address(out), 32, tmpl, count, Address(k.Ulongs(0)))
}

// TestWrapByCCM has both functions make the nonce, with CK_CCM_MESSAGE_PARAMS and
// CK_CCM_WRAP_PARAMS, and puts the structures to wild counts.
func TestWrapByCCM(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	nonce, tag, aad := k.Bytes(12, 0), k.Bytes(16, 0), k.Copy([]byte("header"))
	block, err := aes.NewCipher([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := ccm.New(block, 12, 16)
	if err != nil {
		t.Fatal(err)
	}
	opens := func(sealed []byte) {
		t.Helper()
		if value, err := aead.Open(nil, nonce, sealed, []byte("header")); err != nil || string(value) != "0123456789abcdef" {
			t.Errorf("%q, %v", value, err)
		}
	}
	tmpl, count := k.template(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES))
	out, n, made := k.Bytes(32, 0), k.Ulongs(32), Address(k.Ulongs(0))

	message := k.mechanism(ck.CKM_AES_CCM, k.structure(0, Address(nonce), 12, 0, ck.CKG_GENERATE, Address(tag), 16))
	k.ok("C_WrapKeyAuthenticated", k.h, message, key, key, Address(aad), 6, Address(out), Address(n))
	opens(append(bytes.Clone(out[:16]), tag...))
	k.ok("C_UnwrapKeyAuthenticated", k.h, message, key, Address(out), 16, tmpl, count, Address(aad), 6, made)
	k.want(ck.CKR_WRAPPED_KEY_INVALID, "C_UnwrapKeyAuthenticated", k.h, message, key, Address(out), 16, tmpl, count, Address(aad), 5, made)

	n.Set(0, 32)
	wrap := k.mechanism(ck.CKM_AES_CCM, k.structure(0, Address(nonce), 12, 0, ck.CKG_GENERATE, Address(aad), 6, 16))
	k.ok("C_WrapKey", k.h, wrap, key, key, Address(out), Address(n))
	opens(out)
	k.ok("C_UnwrapKey", k.h, wrap, key, Address(out), 32, tmpl, count, made)
	k.want(ck.CKR_MECHANISM_PARAM_INVALID, "C_EncryptInit", k.h, wrap, key)
	for _, words := range [][]uintptr{
		{0, Address(nonce), 1 << 63, 0, ck.CKG_GENERATE, Address(aad), 6, 16},
		{0, 0, 12, 0, ck.CKG_GENERATE, Address(aad), 6, 16},
		{0, Address(nonce), 12, 0, ck.CKG_GENERATE, Address(aad), 1 << 63, 16},
		{0, Address(nonce), 12, 0, ck.CKG_GENERATE, 0, 6, 16},
		{0, Address(nonce), 12, 0, ck.CKG_GENERATE, Address(aad), 6, 1 << 61},
		{0, Address(nonce), 12, 1 << 63, ck.CKG_GENERATE, Address(aad), 6, 16},
	} {
		k.want(ck.CKR_MECHANISM_PARAM_INVALID, "C_WrapKey", k.h, k.mechanism(ck.CKM_AES_CCM, k.structure(words...)), key, key, Address(out), Address(n))
	}
}
