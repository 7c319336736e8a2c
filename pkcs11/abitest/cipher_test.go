package abitest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// gcmParams is CK_GCM_PARAMS, long (with ulIvBits) or short.
func (k *token) gcmParams(long bool, iv, aad []byte) []byte {
	words := []uintptr{Address(k.Copy(iv)), uintptr(len(iv))}
	if long {
		words = append(words, 0xdeadbeef) // ulIvBits: nonsense
	}
	words = append(words, Address(k.Copy(aad)), uintptr(len(aad)), 128)
	return k.Ulongs(words...)
}

func TestGCMLayouts(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	iv, aad, text := []byte("twelve bytes"), []byte("header"), []byte("sixteen and more")
	block, err := aes.NewCipher([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	want := aead.Seal(nil, iv, text, aad)
	for _, long := range []bool{true, false} {
		mech := k.mechanism(ck.CKM_AES_GCM, k.gcmParams(long, iv, aad))
		k.ok("C_EncryptInit", k.h, mech, key)
		out, n := k.Bytes(len(want), 0), k.Ulongs(uintptr(len(want)))
		k.ok("C_Encrypt", k.h, Address(k.Copy(text)), uintptr(len(text)), Address(out), Address(n))
		if !bytes.Equal(out, want) {
			t.Errorf("long %v: %x, want %x", long, out, want)
		}
	}
	for n := range 64 {
		w := k.Ulongs(uintptr(ck.CKM_AES_GCM), Address(k.Bytes(64, 0)), uintptr(n))
		rv := k.call("C_EncryptInit", k.h, Address(w), key)
		if rv != ck.CKR_MECHANISM_PARAM_INVALID { // an IV of nothing is invalid in the right lengths too
			t.Errorf("a parameter of %d bytes: %v", n, rv)
		}
	}
}

// TestParameterIsCopied frees the parameter between Init and use.
func TestParameterIsCopied(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	iv := k.Bytes(12, 1)
	param := k.Ulongs(Address(iv), 12, 96, 0, 0, 128)
	mech := k.Ulongs(uintptr(ck.CKM_AES_GCM), Address(param), 48)
	var got [2][]byte
	for i := range got {
		k.ok("C_EncryptInit", k.h, Address(mech), key)
		if i == 1 {
			clear(iv)
			clear(param)
			clear(mech)
		}
		out, n := k.Bytes(19, 0), k.Ulongs(19)
		k.ok("C_Encrypt", k.h, Address(k.Copy([]byte("abc"))), 3, Address(out), Address(n))
		got[i] = out
	}
	if !bytes.Equal(got[0], got[1]) {
		t.Errorf("%x and %x", got[0], got[1])
	}
}

// TestOverlap has input and output in one buffer, in place and at distances
// around the block size, and compares with buffers apart.
func TestOverlap(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	iv := bytes.Repeat([]byte{3}, 16)
	ctr := append(ck.AppendUlong(nil, 128), iv...)
	text := make([]byte, 64)
	for i := range text {
		text[i] = byte(i)
	}
	for name, mech := range map[string]uintptr{
		"ECB":     k.mechanism(ck.CKM_AES_ECB, nil),
		"CBC":     k.mechanism(ck.CKM_AES_CBC, iv),
		"CBC_PAD": k.mechanism(ck.CKM_AES_CBC_PAD, iv),
		"CTR":     k.mechanism(ck.CKM_AES_CTR, ctr),
		"GCM":     k.mechanism(ck.CKM_AES_GCM, k.gcmParams(true, iv[:12], iv)),
	} {
		box := k.overlapped("C_Encrypt", mech, key, text, 200)
		for distance := -20; distance <= 20; distance++ {
			for _, whole := range []string{"C_Encrypt", "C_Decrypt"} {
				in, want := text, box
				if whole == "C_Decrypt" {
					in, want = box, text
				}
				if got := k.overlapped(whole, mech, key, in, distance); !bytes.Equal(got, want) {
					t.Errorf("%s, %s, output %+d from input: %x, want %x", name, whole, distance, got, want)
				}
			}
		}
	}
}

// overlapped runs a one-shot function with its output at a distance from its input.
func (k *token) overlapped(name string, mech, key uintptr, in []byte, distance int) []byte {
	k.Helper()
	mem := k.Bytes(512, 0)
	copy(mem[100:], in)
	out := mem[100+distance:]
	n := k.Ulongs(uintptr(len(in) + 32))
	k.ok(name+"Init", k.h, mech, key)
	k.ok(name, k.h, Address(mem)+100, uintptr(len(in)), Address(out), Address(n))
	return bytes.Clone(out[:n.At(0)])
}

// TestUpdateInPlace encrypts and decrypts piece by piece in one buffer.
func TestUpdateInPlace(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	iv := bytes.Repeat([]byte{3}, 16)
	for name, mech := range map[string]uintptr{
		"CBC": k.mechanism(ck.CKM_AES_CBC, iv),
		"CTR": k.mechanism(ck.CKM_AES_CTR, append(ck.AppendUlong(nil, 128), iv...)),
	} {
		text := bytes.Repeat([]byte("sixteen byte run"), 8)
		want := k.overlapped("C_Encrypt", mech, key, text, 200)
		mem := k.Copy(text)
		k.ok("C_EncryptInit", k.h, mech, key)
		for i := 0; i < len(mem); i += 32 {
			n := k.Ulongs(32)
			k.ok("C_EncryptUpdate", k.h, Address(mem[i:]), 32, Address(mem[i:]), Address(n))
			if n.At(0) != 32 {
				t.Fatalf("%s: %d bytes of 32", name, n.At(0))
			}
		}
		n := k.Ulongs(0)
		k.ok("C_EncryptFinal", k.h, Address(mem), Address(n))
		if !bytes.Equal(mem, want) {
			t.Errorf("%s: %x, want %x", name, mem, want)
		}
	}
}

// TestWildInputs gives every function with an input a length that cannot be.
func TestWildInputs(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	one, n := Address(k.Bytes(1, 0)), Address(k.Ulongs(1))
	ecb, cmac, sha := k.mechanism(ck.CKM_AES_ECB, nil), k.mechanism(ck.CKM_AES_CMAC, nil), k.mechanism(ck.CKM_SHA256, nil)
	for _, c := range []struct {
		init      string
		mech, key uintptr
		name      string
		rv        ck.RV
		rest      []uintptr
	}{
		{"C_EncryptInit", ecb, key, "C_Encrypt", ck.CKR_DATA_LEN_RANGE, []uintptr{one, n}},
		{"C_EncryptInit", ecb, key, "C_EncryptUpdate", ck.CKR_DATA_LEN_RANGE, []uintptr{one, n}},
		{"C_DecryptInit", ecb, key, "C_Decrypt", ck.CKR_ENCRYPTED_DATA_LEN_RANGE, []uintptr{one, n}},
		{"C_DecryptInit", ecb, key, "C_DecryptUpdate", ck.CKR_ENCRYPTED_DATA_LEN_RANGE, []uintptr{one, n}},
		{"C_DigestInit", sha, 0, "C_Digest", ck.CKR_ARGUMENTS_BAD, []uintptr{one, n}},
		{"C_DigestInit", sha, 0, "C_DigestUpdate", ck.CKR_ARGUMENTS_BAD, nil},
		{"C_SignInit", cmac, key, "C_Sign", ck.CKR_DATA_LEN_RANGE, []uintptr{one, n}},
		{"C_SignInit", cmac, key, "C_SignUpdate", ck.CKR_DATA_LEN_RANGE, nil},
		{"C_VerifyInit", cmac, key, "C_Verify", ck.CKR_DATA_LEN_RANGE, []uintptr{one, 1}},
		{"C_VerifyInit", cmac, key, "C_VerifyUpdate", ck.CKR_DATA_LEN_RANGE, nil},
		{"C_VerifyInit", cmac, key, "C_VerifyFinal", ck.CKR_SIGNATURE_LEN_RANGE, nil},
	} {
		for _, length := range []uintptr{1 << 48, 1 << 63, uintptr(ck.CK_UNAVAILABLE_INFORMATION)} {
			what := fmt.Sprintf("%s of %#x bytes", c.name, length)
			k.ok(c.init, k.h, c.mech, c.key)
			if rv := k.call(c.name, append([]uintptr{k.h, one, length}, c.rest...)...); rv != c.rv {
				t.Errorf("%s: %v, want %v", what, rv, c.rv)
			}
			if rv := k.call(c.name, append([]uintptr{k.h, one, 1}, c.rest...)...); rv != ck.CKR_OPERATION_NOT_INITIALIZED {
				t.Errorf("%s, after that: %v", what, rv)
			}
		}
		k.ok(c.init, k.h, c.mech, c.key)
		if rv := k.call(c.name, append([]uintptr{k.h, 0, 1}, c.rest...)...); rv != ck.CKR_ARGUMENTS_BAD {
			t.Errorf("%s of NULL: %v", c.name, rv)
		}
	}
	for _, name := range []string{"C_GenerateRandom", "C_SeedRandom"} {
		k.want(ck.CKR_ARGUMENTS_BAD, name, k.h, one, 1<<48)
		k.want(ck.CKR_ARGUMENTS_BAD, name, k.h, 0, 1)
	}
	k.ok("C_GenerateRandom", k.h, 0, 0)
}

// TestLyingInput gives a length that is longer than the memory: the fault must
// not take the process down.
func TestLyingInput(t *testing.T) {
	k := open(t)
	b := Address(k.Bytes(64, 0))
	sha := k.mechanism(ck.CKM_SHA256, nil)
	for range 100 {
		k.ok("C_DigestInit", k.h, sha, 0)
		k.want(ck.CKR_GENERAL_ERROR, "C_DigestUpdate", k.h, b, 4096)
		k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_DigestUpdate", k.h, b, 64)
	}
}
