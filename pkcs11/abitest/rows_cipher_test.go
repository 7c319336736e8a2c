package abitest

import "github.com/coffer-hsm/coffer/hsm/ck"

// initRows is the functions that begin an operation with a mechanism and a key.
func (s *stage) initRows() []row {
	short := s.mechanism(ck.CKM_AES_CBC, make([]byte, 15))
	shortGCM := s.mechanism(ck.CKM_AES_GCM, make([]byte, 7))
	hmac := s.mechanism(ck.CKM_SHA256_HMAC, make([]byte, 3))
	recover := s.mechanism(ck.CKM_RSA_PKCS, make([]byte, 3))
	var rows []row
	for _, f := range []struct {
		name                  string
		mech, key             uintptr
		other, idle, badParam uintptr // a key of another class, one without the use, a bad mechanism
		small, smallMech      uintptr // a key of a size that a mechanism does not take, or 0
		rest                  []uintptr
	}{
		{"C_EncryptInit", s.cbc, s.aes, s.hmac, s.idle, short, s.tiny, s.oaep, nil},
		{"C_DecryptInit", s.cbc, s.aes, s.hmac, s.idle, short, s.tinyPriv, s.oaep, nil},
		{"C_SignInit", s.mac, s.hmac, s.pub, s.muted, hmac, s.long, s.mac, nil},
		{"C_VerifyInit", s.mac, s.hmac, s.priv, s.mute, hmac, s.long, s.mac, nil},
		{"C_VerifySignatureInit", s.mac, s.hmac, s.priv, s.mute, hmac, s.long, s.mac, []uintptr{s.in, 32}},
		{"C_SignRecoverInit", s.rsa, s.priv, s.aes, s.muted, recover, 0, 0, nil},
		{"C_VerifyRecoverInit", s.rsa, s.pub, s.aes, s.mute, recover, 0, 0, nil},
		{"C_MessageEncryptInit", s.messages, s.aes, s.hmac, s.idle, shortGCM, 0, 0, nil},
		{"C_MessageDecryptInit", s.messages, s.aes, s.hmac, s.idle, shortGCM, 0, 0, nil},
		{"C_MessageSignInit", s.mac, s.hmac, s.pub, s.muted, hmac, s.long, s.mac, nil},
		{"C_MessageVerifyInit", s.mac, s.hmac, s.priv, s.mute, hmac, s.long, s.mac, nil},
	} {
		call := func(h, mech, key uintptr) []uintptr { return append([]uintptr{h, mech, key}, f.rest...) }
		idle := f.mech
		if f.idle == s.mute || f.idle == s.muted {
			idle = s.rsa
		}
		rows = append(rows, []row{
			{f.name, "good", ck.CKR_OK, nil, call(s.h, f.mech, f.key)},
			{f.name, "no such key", ck.CKR_KEY_HANDLE_INVALID, nil, call(s.h, f.mech, 0)},
			{f.name, "not a key", ck.CKR_KEY_HANDLE_INVALID, nil, call(s.h, f.mech, s.data)},
			{f.name, "a key of another class or type", ck.CKR_KEY_TYPE_INCONSISTENT, nil, call(s.h, f.mech, f.other)},
			{f.name, "a key without the use", ck.CKR_KEY_FUNCTION_NOT_PERMITTED, nil, call(s.h, idle, f.idle)},
			{f.name, "a mechanism for something else", ck.CKR_MECHANISM_INVALID, nil, call(s.h, s.sha, f.key)},
			{f.name, "no such mechanism", ck.CKR_MECHANISM_INVALID, nil, call(s.h, s.mechanism(0x7fffffff, nil), f.key)},
			{f.name, "a parameter of a wrong length", ck.CKR_MECHANISM_PARAM_INVALID, nil, call(s.h, f.badParam, f.key)},
		}...)
		if f.small != 0 {
			rows = append(rows, row{f.name, "a key of a size that the mechanism does not take", ck.CKR_KEY_SIZE_RANGE, nil, call(s.h, f.smallMech, f.small)})
		}
	}
	return rows
}

// begun brings an operation under way.
func (s *stage) begun(init string, mech, key uintptr) func() { return s.done(init, s.h, mech, key) }

// cipherRows is sections 5.8 and 5.10.
func (s *stage) cipherRows() []row {
	enc, dec := s.begun("C_EncryptInit", s.ecb, s.aes), s.begun("C_DecryptInit", s.ecb, s.aes)
	io := func(in uintptr) []uintptr { return []uintptr{s.h, s.in, in, s.out, s.room(512)} }
	short := func(in, out uintptr) []uintptr { return []uintptr{s.h, s.in, in, s.out, s.room(out)} }
	encPart := all(enc, s.done("C_EncryptUpdate", s.h, s.in, 16, s.box, s.room(512)))
	decPart := all(dec, s.done("C_DecryptUpdate", s.h, s.in, 16, s.box, s.room(512)))
	gcm := s.begun("C_EncryptInit", s.gcm, s.aes)
	openGCM := s.begun("C_DecryptInit", s.gcm, s.aes)
	oaep := s.begun("C_DecryptInit", s.rsa, s.priv)
	x509 := s.begun("C_EncryptInit", s.mechanism(ck.CKM_RSA_X_509, nil), s.pub)
	locked := s.begun("C_DecryptInit", s.rsa, s.ctx)
	big := func() []uintptr { return []uintptr{s.h, Address(s.Bytes(256, 0xff)), 256, s.out, s.room(512)} }
	return []row{
		{"C_Encrypt", "good", ck.CKR_OK, enc, io(16)},
		{"C_Encrypt", "one byte short", ck.CKR_BUFFER_TOO_SMALL, enc, short(16, 15)},
		{"C_Encrypt", "no whole block", ck.CKR_DATA_LEN_RANGE, enc, io(17)},
		{"C_Encrypt", "a wild length", ck.CKR_DATA_LEN_RANGE, enc, io(1 << 63)},
		{"C_Encrypt", "more than the modulus", ck.CKR_DATA_INVALID, x509, big()},
		{"C_Encrypt", "after a part", ck.CKR_OPERATION_ACTIVE, encPart, io(16)},
		{"C_EncryptUpdate", "good", ck.CKR_OK, enc, io(16)},
		{"C_EncryptUpdate", "one byte short", ck.CKR_BUFFER_TOO_SMALL, enc, short(16, 15)},
		{"C_EncryptUpdate", "a wild length", ck.CKR_DATA_LEN_RANGE, enc, io(1 << 63)},
		{"C_EncryptFinal", "good", ck.CKR_OK, gcm, []uintptr{s.h, s.out, s.room(16)}},
		{"C_EncryptFinal", "one byte short", ck.CKR_BUFFER_TOO_SMALL, gcm, []uintptr{s.h, s.out, s.room(15)}},
		{"C_EncryptFinal", "half a block is left", ck.CKR_DATA_LEN_RANGE, all(enc, s.done("C_EncryptUpdate", s.h, s.in, 8, s.box, s.room(512))), []uintptr{s.h, s.out, s.room(512)}},
		{"C_Decrypt", "good", ck.CKR_OK, dec, io(16)},
		{"C_Decrypt", "one byte short", ck.CKR_BUFFER_TOO_SMALL, dec, short(16, 15)},
		{"C_Decrypt", "no whole block", ck.CKR_ENCRYPTED_DATA_LEN_RANGE, dec, io(17)},
		{"C_Decrypt", "a wild length", ck.CKR_ENCRYPTED_DATA_LEN_RANGE, dec, io(1 << 63)},
		{"C_Decrypt", "a tag that is wrong", ck.CKR_ENCRYPTED_DATA_INVALID, openGCM, io(32)},
		{"C_Decrypt", "the padding is wrong", ck.CKR_ENCRYPTED_DATA_INVALID, oaep, io(256)},
		{"C_Decrypt", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, locked, io(256)},
		{"C_Decrypt", "after a part", ck.CKR_OPERATION_ACTIVE, decPart, io(16)},
		{"C_DecryptUpdate", "good", ck.CKR_OK, dec, io(16)},
		{"C_DecryptUpdate", "one byte short", ck.CKR_BUFFER_TOO_SMALL, dec, short(16, 15)},
		{"C_DecryptUpdate", "a wild length", ck.CKR_ENCRYPTED_DATA_LEN_RANGE, dec, io(1 << 63)},
		{"C_DecryptUpdate", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, locked, io(256)},
		{"C_DecryptFinal", "good", ck.CKR_OK, dec, []uintptr{s.h, s.out, s.room(16)}},
		{"C_DecryptFinal", "one byte short", ck.CKR_BUFFER_TOO_SMALL, s.held(16), []uintptr{s.h, s.out, s.room(15)}},
		{"C_DecryptFinal", "half a block is left", ck.CKR_ENCRYPTED_DATA_LEN_RANGE, all(dec, s.done("C_DecryptUpdate", s.h, s.in, 8, s.box, s.room(512))), []uintptr{s.h, s.out, s.room(512)}},
		{"C_DecryptFinal", "a tag that is wrong", ck.CKR_ENCRYPTED_DATA_INVALID, all(openGCM, s.done("C_DecryptUpdate", s.h, s.in, 32, s.box, s.room(512))), []uintptr{s.h, s.out, s.room(512)}},
		{"C_DecryptFinal", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, locked, []uintptr{s.h, s.out, s.room(512)}},
	}
}

// singlePartRows is the calls on parts of sections 5.8 and 5.10 for mechanisms that have
// none, with room for an output and as a question for its length.
func (s *stage) singlePartRows() (rows []row) {
	for _, m := range []struct {
		name                 string
		mech, public, secret uintptr
	}{
		{"RSA PKCS #1", s.rsa, s.pub, s.priv},
		{"RSA OAEP", s.oaep, s.pub, s.priv},
		{"raw RSA", s.mechanism(ck.CKM_RSA_X_509, nil), s.pub, s.priv},
		{"AES key wrap", s.mechanism(ck.CKM_AES_KEY_WRAP, nil), s.aes, s.aes},
		{"AES key wrap with padding", s.kwp, s.aes, s.aes},
	} {
		for of, key := range map[string]uintptr{"C_Encrypt": m.public, "C_Decrypt": m.secret} {
			begun := s.begun(of+"Init", m.mech, key)
			for what, out := range map[string]uintptr{m.name: s.out, m.name + ", its length": 0} {
				rows = append(rows,
					row{of + "Update", what, ck.CKR_OPERATION_NOT_INITIALIZED, begun, []uintptr{s.h, s.in, 16, out, s.room(512)}},
					row{of + "Final", what, ck.CKR_OPERATION_NOT_INITIALIZED, begun, []uintptr{s.h, out, s.room(512)}})
			}
		}
	}
	return rows
}

// held is a decryption by GCM that holds a text of n bytes and its tag.
func (s *stage) held(n uintptr) func() {
	return func() {
		s.done("C_EncryptInit", s.h, s.gcm, s.aes)()
		s.done("C_Encrypt", s.h, s.in, n, s.box, s.room(512))()
		s.done("C_DecryptInit", s.h, s.gcm, s.aes)()
		s.done("C_DecryptUpdate", s.h, s.box, n+16, s.out, s.room(512))()
	}
}

// digestRows is section 5.12.
func (s *stage) digestRows() []row {
	begun := s.begunDigest
	part := all(begun, s.done("C_DigestUpdate", s.h, s.in, 16))
	io := func(in, out uintptr) []uintptr { return []uintptr{s.h, s.in, in, s.out, s.room(out)} }
	return []row{
		{"C_DigestInit", "good", ck.CKR_OK, nil, []uintptr{s.h, s.sha}},
		{"C_DigestInit", "a mechanism for something else", ck.CKR_MECHANISM_INVALID, nil, []uintptr{s.h, s.ecb}},
		{"C_DigestInit", "a parameter where there is none", ck.CKR_MECHANISM_PARAM_INVALID, nil, []uintptr{s.h, s.mechanism(ck.CKM_SHA256, []byte{1})}},
		{"C_Digest", "good", ck.CKR_OK, begun, io(16, 512)},
		{"C_Digest", "one byte short", ck.CKR_BUFFER_TOO_SMALL, begun, io(16, 31)},
		{"C_Digest", "a wild length", ck.CKR_ARGUMENTS_BAD, begun, io(1<<63, 512)},
		{"C_Digest", "after a part", ck.CKR_OPERATION_ACTIVE, part, io(16, 512)},
		{"C_DigestUpdate", "good", ck.CKR_OK, begun, []uintptr{s.h, s.in, 16}},
		{"C_DigestKey", "good", ck.CKR_OK, begun, []uintptr{s.h, s.hmac}},
		{"C_DigestKey", "no such key", ck.CKR_KEY_HANDLE_INVALID, begun, []uintptr{s.h, 0}},
		{"C_DigestKey", "a private key", ck.CKR_KEY_INDIGESTIBLE, begun, []uintptr{s.h, s.priv}},
		{"C_DigestFinal", "good", ck.CKR_OK, begun, []uintptr{s.h, s.out, s.room(512)}},
		{"C_DigestFinal", "one byte short", ck.CKR_BUFFER_TOO_SMALL, begun, []uintptr{s.h, s.out, s.room(31)}},
	}
}

func (s *stage) begunDigest() { s.done("C_DigestInit", s.h, s.sha)() }

// dualRows is section 5.17.
func (s *stage) dualRows() []row {
	ecb := func(init string) func() { return s.begun(init, s.ecb, s.aes) }
	mac := func(init string) func() { return s.begun(init, s.mac, s.hmac) }
	io := func(in, out uintptr) []uintptr { return []uintptr{s.h, s.in, in, s.out, s.room(out)} }
	var rows []row
	for _, f := range []struct {
		name    string
		begun   func()
		tooLong ck.RV
	}{
		{"C_DigestEncryptUpdate", all(ecb("C_EncryptInit"), s.begunDigest), ck.CKR_DATA_LEN_RANGE},
		{"C_DecryptDigestUpdate", all(ecb("C_DecryptInit"), s.begunDigest), ck.CKR_ENCRYPTED_DATA_LEN_RANGE},
		{"C_SignEncryptUpdate", all(ecb("C_EncryptInit"), mac("C_SignInit")), ck.CKR_DATA_LEN_RANGE},
		{"C_DecryptVerifyUpdate", all(ecb("C_DecryptInit"), mac("C_VerifyInit")), ck.CKR_ENCRYPTED_DATA_LEN_RANGE},
	} {
		rows = append(rows, []row{
			{f.name, "good", ck.CKR_OK, f.begun, io(16, 512)},
			{f.name, "one byte short", ck.CKR_BUFFER_TOO_SMALL, f.begun, io(16, 15)},
			{f.name, "a wild length", f.tooLong, f.begun, io(1<<63, 512)},
		}...)
	}
	locked := s.begun("C_SignInit", s.mechanism(ck.CKM_SHA256_RSA_PKCS, nil), s.ctx)
	return append(rows, row{"C_SignEncryptUpdate", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, all(ecb("C_EncryptInit"), locked), io(16, 512)})
}
