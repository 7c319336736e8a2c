package abitest

import "github.com/coffer-hsm/coffer/hsm/ck"

// messageRows is sections 5.9 and 5.11.
func (s *stage) messageRows() []row {
	param := Address(s.messageParams([]byte("twelve bytes"), ck.CKG_NO_GENERATE, 0).params)
	var rows []row
	for _, f := range []struct {
		kind    string
		tooLong ck.RV
	}{{"Encrypt", ck.CKR_DATA_LEN_RANGE}, {"Decrypt", ck.CKR_ENCRYPTED_DATA_LEN_RANGE}} {
		whole, begin, next, final := "C_"+f.kind+"Message", "C_"+f.kind+"MessageBegin", "C_"+f.kind+"MessageNext", "C_Message"+f.kind+"Final"
		begun := s.begun("C_Message"+f.kind+"Init", s.messages, s.aes)
		open := all(begun, s.done(begin, s.h, param, 48, s.in, 4))
		one := func(param, size, aad, in, out uintptr) []uintptr {
			return []uintptr{s.h, param, size, s.in, aad, s.in, in, s.out, s.room(out)}
		}
		part := func(size, in, out, flags uintptr) []uintptr {
			return []uintptr{s.h, param, size, s.in, in, s.out, s.room(out), flags}
		}
		rows = append(rows, []row{
			{whole, "one byte short", ck.CKR_BUFFER_TOO_SMALL, begun, one(param, 48, 4, 16, 15)},
			{whole, "a wild length", f.tooLong, begun, one(param, 48, 4, 1<<63, 512)},
			{whole, "associated data of wild length", ck.CKR_ARGUMENTS_BAD, begun, one(param, 48, 1<<63, 16, 512)},
			{whole, "a parameter of a wrong length", ck.CKR_MECHANISM_PARAM_INVALID, begun, one(param, 47, 4, 16, 512)},
			{whole, "amid the parts of another", ck.CKR_OPERATION_ACTIVE, open, one(param, 48, 4, 16, 512)},
			{begin, "good", ck.CKR_OK, begun, []uintptr{s.h, param, 48, s.in, 4}},
			{begin, "a parameter of a wrong length", ck.CKR_MECHANISM_PARAM_INVALID, begun, []uintptr{s.h, param, 47, s.in, 4}},
			{begin, "amid the parts of another", ck.CKR_OPERATION_ACTIVE, open, []uintptr{s.h, param, 48, s.in, 4}},
			{next, "good", ck.CKR_OK, open, part(48, 16, 512, 0)},
			{next, "one byte short", ck.CKR_BUFFER_TOO_SMALL, open, part(48, 16, 15, s.lastFlag(f.kind))},
			{next, "a wild length", f.tooLong, open, part(48, 1<<63, 512, 0)},
			{next, "a parameter of a wrong length", ck.CKR_MECHANISM_PARAM_INVALID, open, part(47, 16, 512, 0)},
			{next, "an unknown flag", ck.CKR_ARGUMENTS_BAD, open, part(48, 16, 512, 2)},
			{final, "good", ck.CKR_OK, begun, []uintptr{s.h}},
		}...)
	}
	enc, dec := s.begun("C_MessageEncryptInit", s.messages, s.aes), s.begun("C_MessageDecryptInit", s.messages, s.aes)
	tagged := all(enc, s.done("C_EncryptMessage", s.h, param, 48, s.in, 4, s.in, 16, s.box, s.room(512)))
	return append(rows, []row{
		{"C_EncryptMessage", "good", ck.CKR_OK, enc, []uintptr{s.h, param, 48, s.in, 4, s.in, 16, s.out, s.room(512)}},
		{"C_DecryptMessage", "good", ck.CKR_OK, all(dec, tagged), []uintptr{s.h, param, 48, s.in, 4, s.box, 16, s.out, s.room(512)}},
		{"C_DecryptMessage", "a tag that is wrong", ck.CKR_AEAD_DECRYPT_FAILED, all(dec, tagged), []uintptr{s.h, param, 48, s.in, 4, s.box, 15, s.out, s.room(512)}},
		{"C_DecryptMessageNext", "a tag that is wrong", ck.CKR_AEAD_DECRYPT_FAILED, all(dec, tagged, s.done("C_DecryptMessageBegin", s.h, param, 48, s.in, 4)),
			[]uintptr{s.h, param, 48, s.box, 15, s.out, s.room(512), 1}},
	}...)
}

// lastFlag ends a message that is decrypted: its text comes at the end.
func (s *stage) lastFlag(kind string) uintptr {
	if kind == "Decrypt" {
		return uintptr(ck.CKF_END_OF_MESSAGE)
	}
	return 0
}

// lockedMessage is a signature of a message with a key that wants a login.
func (s *stage) lockedMessage() func() {
	return all(s.begun("C_MessageSignInit", s.rsa, s.ctx), s.done("C_SignMessageBegin", s.h, 0, 0))
}

// messageSignRows is sections 5.14 and 5.16.
func (s *stage) messageSignRows() []row {
	mac, n := s.signature("C_SignInit", "C_Sign", s.mac, s.hmac)
	sign, verify := s.begun("C_MessageSignInit", s.mac, s.hmac), s.begun("C_MessageVerifyInit", s.mac, s.hmac)
	signing, verifying := all(sign, s.done("C_SignMessageBegin", s.h, 0, 0)), all(verify, s.done("C_VerifyMessageBegin", s.h, 0, 0))
	x509 := s.mechanism(ck.CKM_RSA_X_509, nil)
	big := Address(s.Bytes(256, 0xff))
	io := func(size, in, out uintptr) []uintptr { return []uintptr{s.h, s.in, size, s.in, in, s.out, s.room(out)} }
	check := func(size, in, sig, n uintptr) []uintptr { return []uintptr{s.h, s.in, size, s.in, in, sig, n} }
	return []row{
		{"C_SignMessage", "good", ck.CKR_OK, sign, []uintptr{s.h, 0, 0, s.in, 16, s.out, s.room(512)}},
		{"C_SignMessage", "one byte short", ck.CKR_BUFFER_TOO_SMALL, sign, []uintptr{s.h, 0, 0, s.in, 16, s.out, s.room(31)}},
		{"C_SignMessage", "a wild length", ck.CKR_DATA_LEN_RANGE, sign, io(0, 1<<63, 512)},
		{"C_SignMessage", "more than the modulus", ck.CKR_DATA_INVALID, s.begun("C_MessageSignInit", x509, s.priv), []uintptr{s.h, 0, 0, big, 256, s.out, s.room(512)}},
		{"C_SignMessage", "a parameter where there is none", ck.CKR_MECHANISM_PARAM_INVALID, sign, io(5, 16, 512)},
		{"C_SignMessage", "amid the parts of another", ck.CKR_OPERATION_ACTIVE, signing, io(0, 16, 512)},
		{"C_SignMessage", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, s.begun("C_MessageSignInit", s.rsa, s.ctx), io(0, 16, 512)},
		{"C_SignMessageBegin", "good", ck.CKR_OK, sign, []uintptr{s.h, 0, 0}},
		{"C_SignMessageBegin", "a parameter where there is none", ck.CKR_MECHANISM_PARAM_INVALID, sign, []uintptr{s.h, s.in, 5}},
		{"C_SignMessageBegin", "amid the parts of another", ck.CKR_OPERATION_ACTIVE, signing, []uintptr{s.h, 0, 0}},
		{"C_SignMessageNext", "good", ck.CKR_OK, signing, []uintptr{s.h, 0, 0, s.in, 16, s.out, s.room(512)}},
		{"C_SignMessageNext", "one byte short", ck.CKR_BUFFER_TOO_SMALL, signing, []uintptr{s.h, 0, 0, s.in, 16, s.out, s.room(31)}},
		{"C_SignMessageNext", "a wild length", ck.CKR_DATA_LEN_RANGE, signing, io(0, 1<<63, 512)},
		{"C_SignMessageNext", "a parameter where there is none", ck.CKR_MECHANISM_PARAM_INVALID, signing, io(5, 16, 512)},
		{"C_SignMessageNext", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, s.lockedMessage(), io(0, 16, 512)},
		{"C_MessageSignFinal", "good", ck.CKR_OK, sign, []uintptr{s.h}},
		{"C_VerifyMessage", "good", ck.CKR_OK, verify, []uintptr{s.h, 0, 0, s.in, 16, mac, n}},
		{"C_VerifyMessage", "another text", ck.CKR_SIGNATURE_INVALID, verify, check(0, 15, mac, n)},
		{"C_VerifyMessage", "a signature one byte short", ck.CKR_SIGNATURE_LEN_RANGE, verify, check(0, 16, mac, n-1)},
		{"C_VerifyMessage", "a wild length", ck.CKR_DATA_LEN_RANGE, verify, check(0, 1<<63, mac, n)},
		{"C_VerifyMessage", "a parameter where there is none", ck.CKR_MECHANISM_PARAM_INVALID, verify, check(5, 16, mac, n)},
		{"C_VerifyMessage", "amid the parts of another", ck.CKR_OPERATION_ACTIVE, verifying, check(0, 16, mac, n)},
		{"C_VerifyMessageBegin", "good", ck.CKR_OK, verify, []uintptr{s.h, 0, 0}},
		{"C_VerifyMessageBegin", "a parameter where there is none", ck.CKR_MECHANISM_PARAM_INVALID, verify, []uintptr{s.h, s.in, 5}},
		{"C_VerifyMessageBegin", "amid the parts of another", ck.CKR_OPERATION_ACTIVE, verifying, []uintptr{s.h, 0, 0}},
		{"C_VerifyMessageNext", "good", ck.CKR_OK, verifying, []uintptr{s.h, 0, 0, s.in, 16, mac, n}},
		{"C_VerifyMessageNext", "another text", ck.CKR_SIGNATURE_INVALID, verifying, check(0, 15, mac, n)},
		{"C_VerifyMessageNext", "a signature one byte short", ck.CKR_SIGNATURE_LEN_RANGE, verifying, check(0, 16, mac, n-1)},
		{"C_VerifyMessageNext", "a wild length", ck.CKR_DATA_LEN_RANGE, verifying, check(0, 1<<63, mac, n)},
		{"C_VerifyMessageNext", "a parameter where there is none", ck.CKR_MECHANISM_PARAM_INVALID, verifying, check(5, 16, mac, n)},
		{"C_MessageVerifyFinal", "good", ck.CKR_OK, verify, []uintptr{s.h}},
	}
}
