package abitest

import "github.com/coffer-hsm/coffer/hsm/ck"

// signRows is section 5.13.
func (s *stage) signRows() []row {
	mac, rsa, locked := s.begun("C_SignInit", s.mac, s.hmac), s.begun("C_SignInit", s.rsa, s.priv), s.begun("C_SignInit", s.rsa, s.ctx)
	x509 := s.mechanism(ck.CKM_RSA_X_509, nil)
	locked2 := s.begun("C_SignInit", s.mechanism(ck.CKM_SHA256_RSA_PKCS, nil), s.ctx)
	recover := s.begun("C_SignRecoverInit", s.rsa, s.priv)
	io := func(in, out uintptr) []uintptr { return []uintptr{s.h, s.in, in, s.out, s.room(out)} }
	big := []uintptr{s.h, Address(s.Bytes(256, 0xff)), 256, s.out, s.room(512)}
	final := func(out uintptr) []uintptr { return []uintptr{s.h, s.out, s.room(out)} }
	return []row{
		{"C_Sign", "good", ck.CKR_OK, mac, io(16, 512)},
		{"C_Sign", "one byte short", ck.CKR_BUFFER_TOO_SMALL, mac, io(16, 31)},
		{"C_Sign", "more than the mechanism takes", ck.CKR_DATA_LEN_RANGE, rsa, io(300, 512)},
		{"C_Sign", "a wild length", ck.CKR_DATA_LEN_RANGE, mac, io(1<<63, 512)},
		{"C_Sign", "more than the modulus", ck.CKR_DATA_INVALID, s.begun("C_SignInit", x509, s.priv), big},
		{"C_Sign", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, locked, io(16, 512)},
		{"C_Sign", "after a part", ck.CKR_OPERATION_ACTIVE, all(mac, s.done("C_SignUpdate", s.h, s.in, 16)), io(16, 512)},
		{"C_SignUpdate", "good", ck.CKR_OK, mac, []uintptr{s.h, s.in, 16}},
		{"C_SignUpdate", "a wild length", ck.CKR_DATA_LEN_RANGE, mac, []uintptr{s.h, s.in, 1 << 63}},
		{"C_SignUpdate", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, locked2, []uintptr{s.h, s.in, 16}},
		{"C_SignFinal", "good", ck.CKR_OK, mac, final(512)},
		{"C_SignFinal", "one byte short", ck.CKR_BUFFER_TOO_SMALL, mac, final(31)},
		{"C_SignFinal", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, locked2, final(512)},
		{"C_SignRecover", "good", ck.CKR_OK, recover, io(16, 512)},
		{"C_SignRecover", "one byte short", ck.CKR_BUFFER_TOO_SMALL, recover, io(16, 255)},
		{"C_SignRecover", "more than the mechanism takes", ck.CKR_DATA_LEN_RANGE, recover, io(300, 512)},
		{"C_SignRecover", "more than the modulus", ck.CKR_DATA_INVALID, s.begun("C_SignRecoverInit", x509, s.priv), big},
		{"C_SignRecover", "a key that wants a login first", ck.CKR_USER_NOT_LOGGED_IN, s.begun("C_SignRecoverInit", s.rsa, s.ctx), io(16, 512)},
	}
}

// signature is what the mechanism makes of 16 bytes.
func (s *stage) signature(init, sign string, mech, key uintptr) (uintptr, uintptr) {
	mem, n := s.Bytes(512, 0), s.Ulongs(512)
	s.ok(init, s.h, mech, key)
	s.ok(sign, s.h, s.in, 16, Address(mem), Address(n))
	return Address(mem), uintptr(n.At(0))
}

// verifyRows is section 5.15.
func (s *stage) verifyRows() []row {
	mac, n := s.signature("C_SignInit", "C_Sign", s.mac, s.hmac)
	box, size := s.signature("C_SignRecoverInit", "C_SignRecover", s.rsa, s.priv)
	begun := s.begun("C_VerifyInit", s.mac, s.hmac)
	part := all(begun, s.done("C_VerifyUpdate", s.h, s.in, 16))
	rsa := s.begun("C_VerifyInit", s.rsa, s.pub)
	known := func(sig, n uintptr) func() { return s.done("C_VerifySignatureInit", s.h, s.mac, s.hmac, sig, n) }
	knownPart := func(sig, n uintptr) func() {
		return all(known(sig, n), s.done("C_VerifySignatureUpdate", s.h, s.in, 16))
	}
	knownRSA := s.done("C_VerifySignatureInit", s.h, s.rsa, s.pub, box, size)
	recover := s.begun("C_VerifyRecoverInit", s.rsa, s.pub)
	verify := func(in, sig, n uintptr) []uintptr { return []uintptr{s.h, s.in, in, sig, n} }
	return []row{
		{"C_Verify", "good", ck.CKR_OK, begun, verify(16, mac, n)},
		{"C_Verify", "another text", ck.CKR_SIGNATURE_INVALID, begun, verify(15, mac, n)},
		{"C_Verify", "a signature one byte short", ck.CKR_SIGNATURE_LEN_RANGE, begun, verify(16, mac, n-1)},
		{"C_Verify", "a wild length", ck.CKR_DATA_LEN_RANGE, begun, verify(1<<63, mac, n)},
		{"C_Verify", "a signature of wild length", ck.CKR_SIGNATURE_LEN_RANGE, begun, verify(16, mac, 1<<63)},
		{"C_Verify", "more than the mechanism takes", ck.CKR_DATA_LEN_RANGE, rsa, verify(300, box, size)},
		{"C_Verify", "after a part", ck.CKR_OPERATION_ACTIVE, part, verify(16, mac, n)},
		{"C_VerifyUpdate", "good", ck.CKR_OK, begun, []uintptr{s.h, s.in, 16}},
		{"C_VerifyUpdate", "a wild length", ck.CKR_DATA_LEN_RANGE, begun, []uintptr{s.h, s.in, 1 << 63}},
		{"C_VerifyFinal", "good", ck.CKR_OK, part, []uintptr{s.h, mac, n}},
		{"C_VerifyFinal", "another text", ck.CKR_SIGNATURE_INVALID, begun, []uintptr{s.h, mac, n}},
		{"C_VerifyFinal", "a signature one byte short", ck.CKR_SIGNATURE_LEN_RANGE, part, []uintptr{s.h, mac, n - 1}},
		{"C_VerifyRecover", "good", ck.CKR_OK, recover, []uintptr{s.h, box, size, s.out, s.room(512)}},
		{"C_VerifyRecover", "one byte short", ck.CKR_BUFFER_TOO_SMALL, recover, []uintptr{s.h, box, size, s.out, s.room(15)}},
		{"C_VerifyRecover", "not a signature", ck.CKR_SIGNATURE_INVALID, recover, []uintptr{s.h, s.in, size, s.out, s.room(512)}},
		{"C_VerifyRecover", "a signature one byte short", ck.CKR_SIGNATURE_LEN_RANGE, recover, []uintptr{s.h, box, size - 1, s.out, s.room(512)}},
		{"C_VerifyRecover", "not a signature, and no room", ck.CKR_SIGNATURE_INVALID, recover, []uintptr{s.h, s.in, size, s.out, s.room(0)}},
		{"C_VerifySignatureInit", "a signature of wild length", ck.CKR_SIGNATURE_LEN_RANGE, nil, []uintptr{s.h, s.mac, s.hmac, mac, 1 << 63}},
		{"C_VerifySignature", "good", ck.CKR_OK, known(mac, n), []uintptr{s.h, s.in, 16}},
		{"C_VerifySignature", "another text", ck.CKR_SIGNATURE_INVALID, known(mac, n), []uintptr{s.h, s.in, 15}},
		{"C_VerifySignature", "a signature one byte short", ck.CKR_SIGNATURE_LEN_RANGE, known(mac, n-1), []uintptr{s.h, s.in, 16}},
		{"C_VerifySignature", "a wild length", ck.CKR_DATA_LEN_RANGE, known(mac, n), []uintptr{s.h, s.in, 1 << 63}},
		{"C_VerifySignature", "more than the mechanism takes", ck.CKR_DATA_LEN_RANGE, knownRSA, []uintptr{s.h, s.in, 300}},
		{"C_VerifySignature", "after a part", ck.CKR_OPERATION_ACTIVE, knownPart(mac, n), []uintptr{s.h, s.in, 16}},
		{"C_VerifySignatureUpdate", "good", ck.CKR_OK, known(mac, n), []uintptr{s.h, s.in, 16}},
		{"C_VerifySignatureUpdate", "a wild length", ck.CKR_DATA_LEN_RANGE, known(mac, n), []uintptr{s.h, s.in, 1 << 63}},
		{"C_VerifySignatureFinal", "good", ck.CKR_OK, knownPart(mac, n), []uintptr{s.h}},
		{"C_VerifySignatureFinal", "another text", ck.CKR_SIGNATURE_INVALID, known(mac, n), []uintptr{s.h}},
		{"C_VerifySignatureFinal", "a signature one byte short", ck.CKR_SIGNATURE_LEN_RANGE, knownPart(mac, n-1), []uintptr{s.h}},
	}
}

// asyncRows is section 5.22: calls in the background.
func (s *stage) asyncRows() []row {
	sign, other, result := s.named("C_Sign"), s.named("C_SignFinal"), s.asyncData()
	io := []uintptr{s.async, s.in, 16, s.out, s.room(512)}
	begun := s.done("C_SignInit", s.async, s.mac, s.hmac)
	pending := all(begun, func() {
		if rv := s.call("C_Sign", io...); rv != ck.CKR_PENDING {
			s.Errorf("C_Sign in an asynchronous session: %v", rv)
		}
	})
	done := all(pending, func() {
		for s.call("C_AsyncComplete", s.async, sign, Address(s.asyncData())) == ck.CKR_PENDING {
		}
	})
	saved := s.Ulongs(0)
	args := func(name uintptr, rest ...uintptr) []uintptr { return append([]uintptr{s.async, name}, rest...) }
	joinShort, join := args(sign, 0, s.out, 31), args(sign, 0, s.out, 512)
	save := all(pending, s.done("C_AsyncGetID", s.async, sign, Address(saved)), func() {
		joinShort[2], join[2] = uintptr(saved.At(0)), uintptr(saved.At(0))
	})
	pair := []uintptr{s.async, s.rsaGen, 0, 0, 0, 0, s.handle(), s.handle()}
	bits, one := s.template(ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048)))
	pair[2], pair[3] = bits, one
	making := func() { s.call("C_GenerateKeyPair", pair...) }
	return []row{
		{"C_Sign", "in the background", ck.CKR_PENDING, begun, io},
		{"C_SignFinal", "in the background", ck.CKR_PENDING, begun, []uintptr{s.async, s.out, s.room(512)}},
		{"C_SignUpdate", "while a signature is made", ck.CKR_OPERATION_ACTIVE, pending, []uintptr{s.async, s.in, 16}},
		{"C_SignFinal", "while a signature is made", ck.CKR_OPERATION_ACTIVE, pending, []uintptr{s.async, s.out, s.room(512)}},
		{"C_SignEncryptUpdate", "while a signature is made", ck.CKR_OPERATION_ACTIVE, all(pending, s.done("C_EncryptInit", s.async, s.ecb, s.aes)), []uintptr{s.async, s.in, 16, s.out, s.room(512)}},
		{"C_GetOperationState", "while a signature is made", ck.CKR_STATE_UNSAVEABLE, pending, []uintptr{s.async, s.out, s.room(512)}},
		{"C_GenerateKeyPair", "in the background", ck.CKR_PENDING, nil, pair},
		{"C_GenerateKeyPair", "while a pair is made", ck.CKR_OPERATION_ACTIVE, making, pair},
		{"C_GenerateKey", "in the background", ck.CKR_PENDING, nil, []uintptr{s.async, s.keyGen, s.length(16), 1, s.handle()}},
		{"C_GenerateKey", "while a key is made", ck.CKR_OPERATION_ACTIVE, func() { s.call("C_GenerateKey", s.async, s.keyGen, s.length(16), 1, s.handle()) }, []uintptr{s.async, s.keyGen, s.length(16), 1, s.handle()}},
		{"C_AsyncGetID", "keys that end with the session", ck.CKR_STATE_UNSAVEABLE, making, args(s.named("C_GenerateKeyPair"), s.room(0))},
		{"C_AsyncComplete", "done", ck.CKR_OK, pending, args(sign, Address(result))},
		{"C_AsyncComplete", "not done", ck.CKR_PENDING, making, args(s.named("C_GenerateKeyPair"), Address(result))},
		{"C_AsyncComplete", "no such call", ck.CKR_OPERATION_NOT_INITIALIZED, nil, args(sign, Address(result))},
		{"C_AsyncComplete", "another function", ck.CKR_OPERATION_NOT_INITIALIZED, pending, args(other, Address(result))},
		{"C_AsyncComplete", "no place for the result", ck.CKR_ARGUMENTS_BAD, pending, args(sign, 0)},
		{"C_AsyncComplete", "no name", ck.CKR_ARGUMENTS_BAD, pending, args(0, Address(result))},
		{"C_AsyncComplete", "a second time", ck.CKR_OPERATION_NOT_INITIALIZED, done, args(sign, Address(result))},
		{"C_AsyncGetID", "a pending call", ck.CKR_OK, pending, args(sign, s.room(0))},
		{"C_AsyncGetID", "no such call", ck.CKR_OPERATION_NOT_INITIALIZED, nil, args(sign, s.room(0))},
		{"C_AsyncGetID", "no place for the number", ck.CKR_ARGUMENTS_BAD, pending, args(sign, 0)},
		{"C_AsyncGetID", "no such session", ck.CKR_SESSION_HANDLE_INVALID, nil, []uintptr{0, sign, s.room(0)}},
		{"C_AsyncJoin", "no such call", ck.CKR_SAVED_STATE_INVALID, nil, args(sign, 12345, s.out, 512)},
		{"C_AsyncJoin", "no name", ck.CKR_ARGUMENTS_BAD, nil, args(0, 12345, s.out, 512)},
		{"C_AsyncJoin", "no such session", ck.CKR_SESSION_HANDLE_INVALID, nil, []uintptr{0, sign, 12345, s.out, 512}},
		{"C_AsyncComplete", "no such session", ck.CKR_SESSION_HANDLE_INVALID, nil, []uintptr{0, sign, Address(result)}},
		{"C_AsyncJoin", "one byte short", ck.CKR_BUFFER_TOO_SMALL, save, joinShort},
		{"C_AsyncJoin", "a saved call", ck.CKR_OK, save, join},
	}
}

// length is a template with CKA_VALUE_LEN.
func (s *stage) length(n uint64) uintptr {
	p, _ := s.template(ck.Ulong(ck.CKA_VALUE_LEN, n))
	return p
}
