package abitest

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// outputCase is a function with an output: prepare brings the session to where it
// can be called, call calls it with an output buffer.
type outputCase struct {
	name    string
	size    int // bytes an element has: 1, or 8 for lists
	same    bool
	prepare func()
	call    func(out, outLen uintptr) ck.RV
}

// outputCases are all functions with an output, most of them over a mechanism
// whose output is not as long as its input.
func outputCases(k *token) []outputCase {
	aes := k.aesKey()
	pub, priv := k.rsaKeys()
	iv := bytes.Repeat([]byte{7}, 16)
	pad, ecb := k.mechanism(ck.CKM_AES_CBC_PAD, iv), k.mechanism(ck.CKM_AES_ECB, nil)
	sha, rsa := k.mechanism(ck.CKM_SHA256, nil), k.mechanism(ck.CKM_RSA_PKCS, nil)
	hash, kwp := k.mechanism(ck.CKM_SHA256_RSA_PKCS, nil), k.mechanism(ck.CKM_AES_KEY_WRAP_KWP, nil)
	data := Address(k.Copy(bytes.Repeat([]byte("data"), 25)))

	// Something to decrypt and something to recover from.
	boxLen, sigLen := k.Ulongs(112), k.Ulongs(256)
	box, sig := Address(k.Bytes(112, 0)), Address(k.Bytes(256, 0))
	k.ok("C_EncryptInit", k.h, pad, aes)
	k.ok("C_Encrypt", k.h, data, 100, box, Address(boxLen))
	k.ok("C_SignRecoverInit", k.h, rsa, priv)
	k.ok("C_SignRecover", k.h, data, 100, sig, Address(sigLen))

	scratch, scratchLen := Address(k.Bytes(256, 0)), k.Ulongs(256)

	begin := func(name string, mech, key uintptr) func() {
		return func() {
			k.call(name, k.h, 0, 0) // whatever was left
			k.ok(name, k.h, mech, key)
		}
	}
	after := func(first func(), name string, args ...uintptr) func() {
		return func() {
			first()
			scratchLen.Set(0, 256)
			k.ok(name, args...)
		}
	}
	both := func(first, second func()) func() {
		return func() {
			first()
			second()
		}
	}
	on := func(name string, args ...uintptr) func(out, n uintptr) ck.RV {
		args = append([]uintptr{k.h}, args...)
		return func(out, n uintptr) ck.RV { return k.call(name, append(args[:len(args):len(args)], out, n)...) }
	}
	none := func() {}
	return []outputCase{
		{"C_Encrypt", 1, true, begin("C_EncryptInit", pad, aes), on("C_Encrypt", data, 100)},
		{"C_EncryptUpdate", 1, true, begin("C_EncryptInit", ecb, aes), on("C_EncryptUpdate", data, 32)},
		{"C_EncryptUpdate, not all of it", 1, true, begin("C_EncryptInit", pad, aes), on("C_EncryptUpdate", data, 37)},
		{"C_EncryptFinal", 1, true, after(begin("C_EncryptInit", pad, aes), "C_EncryptUpdate", k.h, data, 20, scratch, Address(scratchLen)), on("C_EncryptFinal")},
		{"C_Decrypt", 1, true, begin("C_DecryptInit", pad, aes), on("C_Decrypt", box, 112)},
		{"C_DecryptUpdate", 1, true, begin("C_DecryptInit", pad, aes), on("C_DecryptUpdate", box, 112)},
		{"C_DecryptFinal", 1, true, after(begin("C_DecryptInit", pad, aes), "C_DecryptUpdate", k.h, box, 112, scratch, Address(scratchLen)), on("C_DecryptFinal")},
		{"C_Decrypt of RSA", 1, false, func() {
			n := Address(k.Ulongs(256))
			begin("C_EncryptInit", rsa, pub)()
			k.ok("C_Encrypt", k.h, data, 100, scratch, n)
			begin("C_DecryptInit", rsa, priv)()
		}, on("C_Decrypt", scratch, 256)},
		{"C_Digest", 1, true, begin("C_DigestInit", sha, 0), on("C_Digest", data, 100)},
		{"C_DigestFinal", 1, true, after(begin("C_DigestInit", sha, 0), "C_DigestUpdate", k.h, data, 100), on("C_DigestFinal")},
		{"C_Sign", 1, true, begin("C_SignInit", rsa, priv), on("C_Sign", data, 100)},
		{"C_SignFinal", 1, true, after(begin("C_SignInit", hash, priv), "C_SignUpdate", k.h, data, 100), on("C_SignFinal")},
		{"C_SignRecover", 1, true, begin("C_SignRecoverInit", rsa, priv), on("C_SignRecover", data, 100)},
		{"C_VerifyRecover", 1, true, begin("C_VerifyRecoverInit", rsa, pub), on("C_VerifyRecover", sig, 256)},
		{"C_DigestEncryptUpdate", 1, true, both(begin("C_DigestInit", sha, 0), begin("C_EncryptInit", ecb, aes)), on("C_DigestEncryptUpdate", data, 37)},
		{"C_DecryptDigestUpdate", 1, true, both(begin("C_DigestInit", sha, 0), begin("C_DecryptInit", pad, aes)), on("C_DecryptDigestUpdate", box, 112)},
		{"C_SignEncryptUpdate", 1, true, both(begin("C_SignInit", hash, priv), begin("C_EncryptInit", ecb, aes)), on("C_SignEncryptUpdate", data, 37)},
		{"C_DecryptVerifyUpdate", 1, true, both(begin("C_VerifyInit", hash, pub), begin("C_DecryptInit", pad, aes)), on("C_DecryptVerifyUpdate", box, 112)},
		{"C_WrapKey", 1, true, none, on("C_WrapKey", kwp, aes, aes)},
		{"C_GetSlotList", 8, true, none, func(out, n uintptr) ck.RV { return k.call("C_GetSlotList", 0, out, n) }},
		{"C_GetMechanismList", 8, true, none, func(out, n uintptr) ck.RV { return k.call("C_GetMechanismList", shared.slot, out, n) }},
	}
}

// TestOutputContract holds every function with an output to section 5.2.
func TestOutputContract(t *testing.T) {
	k := open(t)
	for _, c := range outputCases(k) {
		t.Run(c.name, func(t *testing.T) { c.hold(t, k) })
	}
}

func (c outputCase) hold(t *testing.T, k *token) {
	n := k.Ulongs(12345)
	step := func(what string, out uintptr, rv ck.RV) {
		t.Helper()
		if got := c.call(out, Address(n)); got != rv {
			t.Fatalf("%s: %v, want %v", what, got, rv)
		}
	}
	c.prepare()
	step("the length", 0, ck.CKR_OK)
	told := int(n.At(0))
	if told > 1<<16 {
		t.Fatalf("told %d", told)
	}
	step("the length again", 0, ck.CKR_OK)
	large := k.Bytes((told+64)*c.size, 0xEE)
	n.Set(0, uintptr(told+64))
	step("with more than enough", Address(large), ck.CKR_OK)
	length := int(n.At(0))
	if length > told || !bytes.Equal(large[length*c.size:], bytes.Repeat([]byte{0xEE}, len(large)-length*c.size)) {
		t.Fatalf("told %d, wrote %d, or beyond it", told, length)
	}

	c.prepare()
	if length > 0 {
		short := k.Bytes((length-1)*c.size, 0xEE)
		n.Set(0, uintptr(length-1))
		step("one short", Address(short), ck.CKR_BUFFER_TOO_SMALL)
		if needed := int(n.At(0)); needed < length || needed > told {
			t.Errorf("one short: told %d, needs %d", needed, length)
		}
		n.Set(0, 0)
		step("no space", Address(short), ck.CKR_BUFFER_TOO_SMALL)
	}
	exact := k.Bytes(length*c.size, 0xEE)
	n.Set(0, uintptr(length))
	step("exact", Address(exact), ck.CKR_OK)
	if int(n.At(0)) != length || c.same && !bytes.Equal(exact, large[:length*c.size]) {
		t.Errorf("exact: %d bytes, %x; want %x", n.At(0), exact, large[:length*c.size])
	}

	c.prepare()
	if rv := c.call(Address(exact), 0); rv != ck.CKR_ARGUMENTS_BAD {
		t.Errorf("no length: %v", rv)
	}
	for _, wild := range []uint64{ck.Unavailable, 1 << 63, 1 << 48} {
		c.prepare()
		n.Set(0, uintptr(wild))
		if rv := c.call(Address(exact), Address(n)); rv != ck.CKR_ARGUMENTS_BAD {
			t.Errorf("a length of %#x: %v", wild, rv)
		}
	}
}
