package abitest

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestOperationState spoils every byte of a state and cuts it at every length.
func TestOperationState(t *testing.T) {
	k := open(t)
	sha, in := k.mechanism(ck.CKM_SHA256, nil), Address(k.Copy([]byte("abcdef")))
	n := k.Ulongs(0)
	k.ok("C_DigestInit", k.h, sha)
	k.ok("C_DigestUpdate", k.h, in, 3)
	k.ok("C_GetOperationState", k.h, 0, Address(n))
	size := int(n.At(0))
	state := k.Bytes(size, 0xEE)
	n.Set(0, uintptr(size-1))
	k.want(ck.CKR_BUFFER_TOO_SMALL, "C_GetOperationState", k.h, Address(state), Address(n))
	if !bytes.Equal(state, bytes.Repeat([]byte{0xEE}, size)) || n.At(0) != uint64(size) {
		t.Error("something was written to a buffer too small")
	}
	k.ok("C_GetOperationState", k.h, Address(state), Address(n))
	set := func(state []byte) ck.RV {
		return k.call("C_SetOperationState", k.h, Address(state), uintptr(len(state)), 0, 0)
	}
	for i := range state {
		for _, bit := range []byte{1, 0x80} {
			state[i] ^= bit
			if rv := set(state); rv != ck.CKR_SAVED_STATE_INVALID {
				t.Errorf("byte %d of %d changed: %v", i, size, rv)
			}
			state[i] ^= bit
		}
		if rv := set(k.Copy(state[:i])); rv != ck.CKR_SAVED_STATE_INVALID {
			t.Errorf("cut to %d bytes: %v", i, rv)
		}
	}
	k.ok("C_DigestInit", k.h, 0)
	if rv := set(state); rv != ck.CKR_OK {
		t.Fatal(rv)
	}
	k.ok("C_DigestUpdate", k.h, in+3, 3)
	out := k.Bytes(32, 0)
	n.Set(0, 32)
	k.ok("C_DigestFinal", k.h, Address(out), Address(n))
	if want := sha256.Sum256([]byte("abcdef")); !bytes.Equal(out, want[:]) {
		t.Errorf("%x", out)
	}

	k.want(ck.CKR_ARGUMENTS_BAD, "C_SetOperationState", k.h, 0, uintptr(size), 0, 0)
	k.want(ck.CKR_ARGUMENTS_BAD, "C_SetOperationState", k.h, 0, 0, 0, 0)
	k.want(ck.CKR_SAVED_STATE_INVALID, "C_SetOperationState", k.h, Address(state), 1<<63, 0, 0)
	k.want(ck.CKR_SAVED_STATE_INVALID, "C_SetOperationState", k.h, Address(state), 1<<30, 0, 0)
	key := k.aesKey()
	k.want(ck.CKR_KEY_NOT_NEEDED, "C_SetOperationState", k.h, Address(state), uintptr(size), key, 0)
	k.want(ck.CKR_KEY_NOT_NEEDED, "C_SetOperationState", k.h, Address(state), uintptr(size), 0, key)
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_GetOperationState", k.h, 0, Address(n))
}

// TestKeyedState saves and restores operations of keys through the C functions.
func TestKeyedState(t *testing.T) {
	k := open(t)
	key, other := k.aesKey(), k.aesKey()
	in, out, n := Address(k.Bytes(64, 'x')), k.Bytes(64, 0), k.Ulongs(0)
	save := func() []byte {
		t.Helper()
		k.ok("C_GetOperationState", k.h, 0, Address(n))
		state := k.Bytes(int(n.At(0)), 0)
		k.ok("C_GetOperationState", k.h, Address(state), Address(n))
		return state
	}
	update := func() []byte {
		t.Helper()
		n.Set(0, 64)
		k.ok("C_EncryptUpdate", k.h, in, 20, Address(out), Address(n))
		return bytes.Clone(out[:n.At(0)])
	}
	k.ok("C_EncryptInit", k.h, k.mechanism(ck.CKM_AES_CBC, bytes.Repeat([]byte{'i'}, 16)), key)
	update()
	state := save()
	first := update()
	k.ok("C_EncryptInit", k.h, 0, 0)

	set := func(want ck.RV, encryption, authentication uintptr) {
		t.Helper()
		k.want(want, "C_SetOperationState", k.h, Address(state), uintptr(len(state)), encryption, authentication)
	}
	set(ck.CKR_KEY_CHANGED, other, 0)
	set(ck.CKR_KEY_CHANGED, 0xdead, 0)
	set(ck.CKR_KEY_NOT_NEEDED, key, key)
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_EncryptUpdate", k.h, in, 16, Address(out), Address(n))
	for _, given := range []uintptr{0, key} {
		set(ck.CKR_OK, given, 0)
		if again := update(); !bytes.Equal(again, first) {
			t.Errorf("%x, want %x", again, first)
		}
		k.ok("C_EncryptInit", k.h, 0, 0)
	}

	counter := make([]byte, 24) // CK_AES_CTR_PARAMS: 128 bits, at zero
	counter[0] = 128
	k.ok("C_EncryptInit", k.h, k.mechanism(ck.CKM_AES_CTR, counter), key)
	k.want(ck.CKR_STATE_UNSAVEABLE, "C_GetOperationState", k.h, 0, Address(n))
	k.ok("C_EncryptInit", k.h, 0, 0)
	k.ok("C_DestroyObject", k.h, key)
	set(ck.CKR_SAVED_STATE_INVALID, 0, 0)
}
