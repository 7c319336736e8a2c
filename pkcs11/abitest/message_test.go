package abitest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// messageParams is a CK_GCM_MESSAGE_PARAMS with the memory that it points to.
type messageParams struct {
	params  Words
	iv, tag []byte
}

func (k *token) messageParams(iv []byte, generator, fixedBits uintptr) *messageParams {
	m := &messageParams{iv: k.Copy(iv), tag: k.Bytes(16, 0)}
	m.params = k.Ulongs(Address(m.iv), uintptr(len(iv)), fixedBits, generator, Address(m.tag), 128)
	return m
}

// message is the arguments of C_EncryptMessage and its like.
func (k *token) message(m *messageParams, aad, in, out []byte, n Words) []uintptr {
	return []uintptr{k.h, Address(m.params), 48, Address(aad), uintptr(len(aad)), Address(in), uintptr(len(in)), Address(out), Address(n)}
}

// messageKey is an AES key, its GCM by the standard library, and messages of both
// kinds begun with it.
func (k *token) messageKey() (key uintptr, aead cipher.AEAD) {
	k.Helper()
	block, err := aes.NewCipher([]byte("0123456789abcdef"))
	if err != nil {
		k.Fatal(err)
	}
	if aead, err = cipher.NewGCM(block); err != nil {
		k.Fatal(err)
	}
	key = k.aesKey()
	mech := k.mechanism(ck.CKM_AES_GCM, nil)
	k.ok("C_MessageEncryptInit", k.h, mech, key)
	k.ok("C_MessageDecryptInit", k.h, mech, key)
	return key, aead
}

func TestMessages(t *testing.T) {
	k := open(t)
	_, aead := k.messageKey()
	aad, text := k.Copy([]byte("header")), k.Copy([]byte("some text"))
	m := k.messageParams([]byte("\xa1\xa2\xa3\xa4--------"), ck.CKG_GENERATE_COUNTER, 32)
	for i := range byte(3) {
		out, n := k.Bytes(len(text), 0), k.Ulongs(uintptr(len(text)))
		k.ok("C_EncryptMessage", k.message(m, aad, text, nil, n)...)
		k.ok("C_EncryptMessage", k.message(m, aad, text, out, n)...)
		if want := []byte{0xa1, 0xa2, 0xa3, 0xa4, 0, 0, 0, 0, 0, 0, 0, i}; !bytes.Equal(m.iv, want) {
			t.Errorf("IV %x, want %x", m.iv, want)
		}
		if got, want := append(bytes.Clone(out), m.tag...), aead.Seal(nil, m.iv, text, aad); !bytes.Equal(got, want) {
			t.Errorf("%x, want %x", got, want)
		}
		k.ok("C_DecryptMessage", k.message(m, aad, out, out, n)...) // in place
		if !bytes.Equal(out, text) {
			t.Errorf("back: %x", out)
		}
		m.tag[i] ^= 1
		k.want(ck.CKR_AEAD_DECRYPT_FAILED, "C_DecryptMessage", k.message(m, aad, text, out, n)...)
	}
	k.ok("C_MessageEncryptFinal", k.h)
	k.ok("C_MessageDecryptFinal", k.h)
}

func TestMessageParts(t *testing.T) {
	k := open(t)
	_, aead := k.messageKey()
	aad, text := k.Copy([]byte("header")), k.Copy([]byte("some text"))
	m := k.messageParams([]byte("twelve bytes"), ck.CKG_NO_GENERATE, 0)
	out, n := k.Bytes(len(text), 0), k.Ulongs(4)
	part := func(i, j int, in, out []byte, flags ck.Flags) []uintptr {
		n.Set(0, uintptr(len(out)))
		return []uintptr{k.h, Address(m.params), 48, Address(in[i:]), uintptr(j - i), Address(out), Address(n), uintptr(flags)}
	}
	begin := []uintptr{k.h, Address(m.params), 48, Address(aad), uintptr(len(aad))}
	m.params.Set(4, 0) // a place for the tag is needed at the end only
	k.ok("C_EncryptMessageBegin", begin...)
	clear(aad) // as a caller may
	k.ok("C_EncryptMessageNext", part(0, 4, text, out[:4], 0)...)
	k.want(ck.CKR_BUFFER_TOO_SMALL, "C_EncryptMessageNext", part(4, 9, text, out[4:8], ck.CKF_END_OF_MESSAGE)...)
	m.params.Set(4, Address(m.tag))
	k.ok("C_EncryptMessageNext", part(4, 9, text, out[4:], ck.CKF_END_OF_MESSAGE)...)
	if got, want := append(bytes.Clone(out), m.tag...), aead.Seal(nil, m.iv, text, []byte("header")); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	copy(aad, "header")
	k.ok("C_DecryptMessageBegin", begin...)
	clear(aad)
	back := k.Bytes(len(text), 0)
	k.ok("C_DecryptMessageNext", part(0, 8, out, back[:0], 0)...)
	k.ok("C_DecryptMessageNext", part(8, 9, out, back, ck.CKF_END_OF_MESSAGE)...)
	if !bytes.Equal(back, text) {
		t.Errorf("back: %x", back)
	}
	k.ok("C_EncryptMessageBegin", begin...)
	k.want(ck.CKR_ARGUMENTS_BAD, "C_EncryptMessageNext", part(0, 4, text, out[:4], 2)...)
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_EncryptMessageNext", part(0, 4, text, out[:4], 0)...)
	k.ok("C_MessageEncryptInit", k.h, 0, 0)
	k.ok("C_MessageDecryptInit", k.h, 0, 0)
}

// TestMessageOverlap has the input and the associated data in the memory that the
// output goes to.
func TestMessageOverlap(t *testing.T) {
	k := open(t)
	_, aead := k.messageKey()
	iv := []byte("twelve bytes")
	text := bytes.Repeat([]byte("some text "), 5)
	for distance := -20; distance <= 20; distance++ {
		mem, n := k.Bytes(300, 0), k.Ulongs(uintptr(len(text)))
		copy(mem[100:], text)
		want := aead.Seal(nil, iv, text, mem[110:130])
		m := k.messageParams(iv, ck.CKG_NO_GENERATE, 0)
		out := mem[100+distance:]
		k.ok("C_EncryptMessage", k.message(m, mem[110:130], mem[100:100+len(text)], out, n)...)
		if got := append(bytes.Clone(out[:len(text)]), m.tag...); !bytes.Equal(got, want) {
			t.Errorf("output %+d from input: %x, want %x", distance, got, want)
		}
		k.ok("C_DecryptMessage", k.message(m, text[10:30], out[:len(text)], mem[100:], n)...)
		if !bytes.Equal(mem[100:100+len(text)], text) {
			t.Errorf("output %+d from input, back: %x", distance, mem[100:100+len(text)])
		}
	}
	k.ok("C_MessageEncryptFinal", k.h)
	k.ok("C_MessageDecryptFinal", k.h)
}

// TestMessageArguments spoils one argument at a time: the message ends, and the
// next one is as if nothing had been.
func TestMessageArguments(t *testing.T) {
	k := open(t)
	k.messageKey()
	text, out, n := k.Copy([]byte("some text")), k.Bytes(16, 0), k.Ulongs(16)
	m := k.messageParams([]byte("twelve bytes"), ck.CKG_NO_GENERATE, 0)
	spoiled := func(i int, v uintptr) *messageParams {
		s := k.messageParams([]byte("twelve bytes"), ck.CKG_NO_GENERATE, 0)
		s.params.Set(i, v)
		return s
	}
	good := k.message(m, nil, text, out, n)
	const wild = 1 << 63
	for name, c := range map[string]struct {
		at int
		v  uintptr
		rv map[string]ck.RV
	}{
		"no parameter":          {2, 0, same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"NULL with a length":    {1, 0, same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"a short parameter":     {2, 47, same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"a wild parameter":      {2, wild, same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"NULL for the IV":       {1, Address(spoiled(0, 0).params), same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"a wild IV":             {1, Address(spoiled(1, wild).params), same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"an IV of nothing":      {1, Address(spoiled(1, 0).params), same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"NULL for the tag":      {1, Address(spoiled(4, 0).params), same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"a wild tag":            {1, Address(spoiled(5, wild).params), same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"no tag":                {1, Address(spoiled(5, 0).params), same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"a tag of 7 bits":       {1, Address(spoiled(5, 7).params), same(ck.CKR_MECHANISM_PARAM_INVALID)},
		"data without an AAD":   {4, 1, same(ck.CKR_ARGUMENTS_BAD)},
		"a wild AAD":            {4, wild, same(ck.CKR_ARGUMENTS_BAD)},
		"NULL for the text":     {5, 0, same(ck.CKR_ARGUMENTS_BAD)},
		"a wild text":           {6, wild, map[string]ck.RV{"C_EncryptMessage": ck.CKR_DATA_LEN_RANGE, "C_DecryptMessage": ck.CKR_ENCRYPTED_DATA_LEN_RANGE}},
		"NULL for the length":   {8, 0, same(ck.CKR_ARGUMENTS_BAD)},
		"a wild length":         {8, Address(k.Ulongs(wild)), same(ck.CKR_ARGUMENTS_BAD)},
		"a generator not there": {1, Address(spoiled(3, 99).params), map[string]ck.RV{"C_EncryptMessage": ck.CKR_MECHANISM_PARAM_INVALID, "C_DecryptMessage": ck.CKR_OK}},
	} {
		args := append([]uintptr{}, good...)
		args[c.at] = c.v
		for _, f := range []string{"C_EncryptMessage", "C_DecryptMessage"} {
			k.ok("C_EncryptMessage", good...) // the tag for what follows
			copy(out[9:], "0123456")
			if f == "C_DecryptMessage" && c.rv[f] == ck.CKR_OK {
				continue // the parameter above has no tag to go with it
			}
			if rv := k.call(f, args...); rv != c.rv[f] {
				t.Errorf("%s with %s: %v, want %v", f, name, rv, c.rv[f])
			}
			k.ok("C_EncryptMessage", good...)
		}
	}
	other := append([]uintptr{}, good...) // CCM's parameter, right in itself
	other[1], other[2] = Address(k.Ulongs(9, Address(m.iv), 12, 0, 0, Address(m.tag), 16)), 56
	k.want(ck.CKR_MECHANISM_PARAM_INVALID, "C_EncryptMessage", other...)
	k.ok("C_MessageEncryptFinal", k.h)
	k.ok("C_MessageDecryptFinal", k.h)
}

func same(rv ck.RV) map[string]ck.RV {
	return map[string]ck.RV{"C_EncryptMessage": rv, "C_DecryptMessage": rv}
}

// TestMessageLies gives lengths that are longer than the memory, short ones and
// such as no machine has room for: a fault ends the operation, not the process.
func TestMessageLies(t *testing.T) {
	k := open(t)
	key, _ := k.messageKey()
	mech := k.mechanism(ck.CKM_AES_GCM, nil)
	text := k.Bytes(64, 0)
	m := k.messageParams([]byte("twelve bytes"), ck.CKG_NO_GENERATE, 0)
	for _, lie := range []uintptr{4096, 1 << 20, 1 << 29, 1 << 40} {
		n := k.Ulongs(lie)
		whole := []uintptr{k.h, Address(m.params), 48, 0, 0, Address(text), lie, Address(text), Address(n)}
		begin := []uintptr{k.h, Address(m.params), 48, Address(text), lie}
		for _, c := range []struct {
			name, init string
			args       []uintptr
		}{
			{"C_EncryptMessage", "C_MessageEncryptInit", whole}, {"C_DecryptMessage", "C_MessageDecryptInit", whole},
			{"C_EncryptMessageBegin", "C_MessageEncryptInit", begin}, {"C_DecryptMessageBegin", "C_MessageDecryptInit", begin},
		} {
			rv := k.call(c.name, c.args...)
			if tooLong := rv == ck.CKR_DATA_LEN_RANGE || rv == ck.CKR_ENCRYPTED_DATA_LEN_RANGE || rv == ck.CKR_ARGUMENTS_BAD; rv != ck.CKR_GENERAL_ERROR && (!tooLong || lie < 1<<30) {
				t.Errorf("%s with a length of %#x: %v", c.name, lie, rv)
			}
			k.ok(c.init, k.h, 0, 0)
			k.ok(c.init, k.h, mech, key)
		}
	}
	// A tag that is not there.
	m.params.Set(4, Address(k.Bytes(8, 0)))
	n := k.Ulongs(64)
	k.want(ck.CKR_GENERAL_ERROR, "C_EncryptMessage", k.message(m, nil, text, text, n)...)
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_MessageEncryptFinal", k.h)
	k.ok("C_MessageDecryptFinal", k.h)
}

func TestMessageSignatures(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	mech := k.mechanism(ck.CKM_AES_CMAC, nil)
	text := k.Copy([]byte("some text"))
	k.ok("C_SignInit", k.h, mech, key)
	want, n := k.Bytes(16, 0), k.Ulongs(16)
	k.ok("C_Sign", k.h, Address(text), 9, Address(want), Address(n))
	k.ok("C_MessageSignInit", k.h, mech, key)
	k.ok("C_MessageVerifyInit", k.h, mech, key)
	for range 2 {
		mac := k.Bytes(16, 0)
		k.ok("C_SignMessage", k.h, 0, 0, Address(text), 9, Address(mac), Address(n))
		k.ok("C_SignMessageBegin", k.h, 0, 0)
		k.ok("C_SignMessageNext", k.h, 0, 0, Address(text), 4, 0, 0)
		k.ok("C_SignMessageNext", k.h, 0, 0, Address(text[4:]), 5, 0, Address(n)) // the length
		parts := k.Bytes(16, 0)
		k.ok("C_SignMessageNext", k.h, 0, 0, Address(text[4:]), 5, Address(parts), Address(n))
		if !bytes.Equal(mac, want) || !bytes.Equal(parts, want) {
			t.Errorf("%x and %x, want %x", mac, parts, want)
		}
		k.ok("C_VerifyMessage", k.h, 0, 0, Address(text), 9, Address(mac), 16)
		k.ok("C_VerifyMessageBegin", k.h, 0, 0)
		k.ok("C_VerifyMessageNext", k.h, 0, 0, Address(text), 4, 0, 0)
		k.ok("C_VerifyMessageNext", k.h, 0, 0, Address(text[4:]), 5, Address(mac), 16)
		mac[0] ^= 1
		k.want(ck.CKR_SIGNATURE_INVALID, "C_VerifyMessage", k.h, 0, 0, Address(text), 9, Address(mac), 16)
		k.want(ck.CKR_SIGNATURE_LEN_RANGE, "C_VerifyMessage", k.h, 0, 0, Address(text), 9, Address(mac), 15)
		k.want(ck.CKR_MECHANISM_PARAM_INVALID, "C_VerifyMessage", k.h, Address(k.Bytes(48, 0)), 48, Address(text), 9, Address(mac), 16)
		k.want(ck.CKR_DATA_LEN_RANGE, "C_SignMessage", k.h, 0, 0, Address(text), 1<<63, Address(mac), Address(n))
		k.want(ck.CKR_ARGUMENTS_BAD, "C_SignMessage", k.h, 0, 0, Address(text), 9, Address(mac), 0)
	}
	k.ok("C_MessageSignFinal", k.h)
	k.ok("C_MessageVerifyFinal", k.h)
}

// TestMessageFlags: what C_GetMechanismInfo tells is what there is.
func TestMessageFlags(t *testing.T) {
	k := open(t)
	const crypt = ck.CKF_MESSAGE_ENCRYPT | ck.CKF_MESSAGE_DECRYPT | ck.CKF_MULTI_MESSAGE
	const sign = ck.CKF_MESSAGE_SIGN | ck.CKF_MESSAGE_VERIFY | ck.CKF_MULTI_MESSAGE
	for mt, want := range map[ck.MechanismType]ck.Flags{
		ck.CKM_AES_GCM: crypt, ck.CKM_AES_CCM: crypt, ck.CKM_CHACHA20_POLY1305: crypt, ck.CKM_CHACHA20: 0, ck.CKM_AES_CBC: 0,
		ck.CKM_AES_CMAC: sign, ck.CKM_ECDSA: sign, ck.CKM_RSA_PKCS: sign, ck.CKM_EDDSA: sign, ck.CKM_SHA256: 0,
	} {
		info := k.Ulongs(0, 0, 0)
		k.ok("C_GetMechanismInfo", shared.slot, uintptr(mt), Address(info))
		if got := ck.Flags(info.At(2)) & (crypt | sign); got != want {
			t.Errorf("%v: flags %#x, want %#x", mt, got, want)
		}
	}
}
