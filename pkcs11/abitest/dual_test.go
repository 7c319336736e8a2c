package abitest

import (
	"bytes"
	"crypto/aes"
	"crypto/sha256"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestDualInPlace digests and encrypts in one buffer, and at distances at which
// input and output overlap: the digest is that of the plaintext.
func TestDualInPlace(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	ecb, sha := k.mechanism(ck.CKM_AES_ECB, nil), k.mechanism(ck.CKM_SHA256, nil)
	text := bytes.Repeat([]byte("sixteen byte run"), 4)
	box := k.overlapped("C_Encrypt", ecb, key, text, 200)
	sum := sha256.Sum256(text)
	for _, c := range []struct {
		init, update string
		in, out      []byte
	}{
		{"C_EncryptInit", "C_DigestEncryptUpdate", text, box},
		{"C_DecryptInit", "C_DecryptDigestUpdate", box, text},
	} {
		for _, distance := range []int{0, -1, 1, -aes.BlockSize, aes.BlockSize, 200} {
			mem, n := k.Bytes(512, 0), k.Ulongs(uintptr(len(text)))
			copy(mem[100:], c.in)
			k.ok("C_DigestInit", k.h, sha)
			k.ok(c.init, k.h, ecb, key)
			k.ok(c.update, k.h, Address(mem)+100, uintptr(len(c.in)), Address(mem[100+distance:]), Address(n))
			if got := mem[100+distance:][:len(c.out)]; !bytes.Equal(got, c.out) {
				t.Errorf("%s, output %+d from input: %x", c.update, distance, got)
			}
			digest, n := k.Bytes(32, 0), k.Ulongs(32)
			k.ok("C_DigestFinal", k.h, Address(digest), Address(n))
			if !bytes.Equal(digest, sum[:]) {
				t.Errorf("%s, output %+d from input: the digest is not that of the plaintext", c.update, distance)
			}
			k.ok(c.init, k.h, 0, 0)
		}
	}
}

// TestDualArguments refuses a call for its arguments: both operations end.
func TestDualArguments(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	ecb, sha, cmac := k.mechanism(ck.CKM_AES_ECB, nil), k.mechanism(ck.CKM_SHA256, nil), k.mechanism(ck.CKM_AES_CMAC, nil)
	one, n := Address(k.Bytes(16, 0)), Address(k.Ulongs(16))
	for _, c := range []struct {
		cipher, other, update, otherUpdate string
		mech, otherKey                     uintptr
		tooLong                            ck.RV
	}{
		{"C_EncryptInit", "C_DigestInit", "C_DigestEncryptUpdate", "C_DigestUpdate", sha, 0, ck.CKR_DATA_LEN_RANGE},
		{"C_DecryptInit", "C_DigestInit", "C_DecryptDigestUpdate", "C_DigestUpdate", sha, 0, ck.CKR_ENCRYPTED_DATA_LEN_RANGE},
		{"C_EncryptInit", "C_SignInit", "C_SignEncryptUpdate", "C_SignUpdate", cmac, key, ck.CKR_DATA_LEN_RANGE},
		{"C_DecryptInit", "C_VerifyInit", "C_DecryptVerifyUpdate", "C_VerifyUpdate", cmac, key, ck.CKR_ENCRYPTED_DATA_LEN_RANGE},
	} {
		for _, bad := range []struct {
			rv   ck.RV
			args []uintptr
		}{
			{ck.CKR_ARGUMENTS_BAD, []uintptr{0, 16, one, n}},
			{ck.CKR_ARGUMENTS_BAD, []uintptr{one, 16, one, 0}},
			{c.tooLong, []uintptr{one, 1 << 63, one, n}},
		} {
			k.ok(c.cipher, k.h, ecb, key)
			k.want(ck.CKR_OPERATION_NOT_INITIALIZED, c.update, append([]uintptr{k.h}, bad.args...)...)
			k.ok(c.other, k.h, c.mech, c.otherKey)
			k.want(bad.rv, c.update, append([]uintptr{k.h}, bad.args...)...)
			k.want(ck.CKR_OPERATION_NOT_INITIALIZED, c.otherUpdate, k.h, one, 16)
			k.ok(c.cipher, k.h, ecb, key)
			k.ok(c.cipher, k.h, 0, 0)
		}
	}
}
