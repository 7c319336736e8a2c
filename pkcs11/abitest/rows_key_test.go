package abitest

import "github.com/coffer-hsm/coffer/hsm/ck"

// newKeyFaults is templates that no function makes a key of; a template with the
// attributes of good is what it would take.
func newKeyFaults(good []ck.Attribute) []fault {
	with := func(a ...ck.Attribute) []ck.Attribute { return append(append([]ck.Attribute{}, good...), a...) }
	return []fault{
		{"an attribute that the token gives", ck.CKR_ATTRIBUTE_READ_ONLY, with(ck.String(ck.CKA_UNIQUE_ID, "x"))},
		{"an unknown attribute", ck.CKR_ATTRIBUTE_TYPE_INVALID, with(unknown)},
		{"a bool of two bytes", ck.CKR_ATTRIBUTE_VALUE_INVALID, with(twoBytes)},
		{"a template that contradicts itself", ck.CKR_TEMPLATE_INCONSISTENT, with(isPrivate, ck.Bool(ck.CKA_PRIVATE, false))},
		{"a class that it is not", ck.CKR_TEMPLATE_INCONSISTENT, with(ck.Ulong(ck.CKA_CLASS, ck.CKO_CERTIFICATE))},
	}
}

// mechanismRows is a wrong mechanism in the place of the second argument.
func (s *stage) mechanismRows(name string, args []uintptr, param uintptr) []row {
	with := func(mech uintptr) []uintptr { return append([]uintptr{args[0], mech}, args[2:]...) }
	return []row{
		{name, "a mechanism for something else", ck.CKR_MECHANISM_INVALID, nil, with(s.sha)},
		{name, "no such mechanism", ck.CKR_MECHANISM_INVALID, nil, with(s.mechanism(0x7fffffff, nil))},
		{name, "a parameter of a wrong length", ck.CKR_MECHANISM_PARAM_INVALID, nil, with(param)},
	}
}

// templateRows is templates that cannot be, for a function whose template is at
// args[at]; it makes session keys of good, and a token key must not be in a read-only
// session, nor a private one the public's.
func (s *stage) templateRows(name string, args []uintptr, at int, good []ck.Attribute) []row {
	with := func(h uintptr, attrs []ck.Attribute) []uintptr {
		a := append([]uintptr{}, args...)
		a[0] = h
		a[at], a[at+1] = s.template(attrs...)
		return a
	}
	var rows []row
	for _, f := range newKeyFaults(good) {
		rows = append(rows, row{name, f.condition, f.code, nil, with(s.h, f.attrs)})
	}
	return append(rows, row{name, "a token key in a read-only session", ck.CKR_SESSION_READ_ONLY, nil, with(s.ro, append(good, isToken))})
}

// generateRows is C_GenerateKey and C_GenerateKeyPair.
func (s *stage) generateRows() []row {
	n16 := []ck.Attribute{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))}
	bits := []ck.Attribute{ck.Ulong(ck.CKA_MODULUS_BITS, uint64(2048))}
	key := []uintptr{s.h, s.keyGen, s.length(16), 1, s.handle()}
	p, n := s.template(bits...)
	pair := []uintptr{s.h, s.rsaGen, p, n, 0, 0, s.handle(), s.handle()}
	curve := func(mech uintptr, attrs ...ck.Attribute) []uintptr {
		p, n := s.template(attrs...)
		return []uintptr{s.h, mech, p, n, 0, 0, s.handle(), s.handle()}
	}
	private := func(a ...ck.Attribute) []uintptr {
		p, n := s.template(append(n16, a...)...)
		return []uintptr{s.public, s.keyGen, p, n, s.handle()}
	}
	small := []byte{6, 5, 0x2b, 0x81, 4, 0, 8} // secp160r1
	ec := func(b []byte) []uintptr { return curve(s.ecGen, ck.Bytes(ck.CKA_EC_PARAMS, b)) }
	rows := []row{
		{"C_GenerateKey", "good", ck.CKR_OK, nil, key},
		{"C_GenerateKey", "no length", ck.CKR_TEMPLATE_INCOMPLETE, nil, []uintptr{s.h, s.keyGen, 0, 0, s.handle()}},
		{"C_GenerateKey", "a private key of the public", ck.CKR_USER_NOT_LOGGED_IN, s.loggedOut, private(isPrivate)},
		{"C_GenerateKeyPair", "good", ck.CKR_OK, nil, pair},
		{"C_GenerateKeyPair", "no length", ck.CKR_TEMPLATE_INCOMPLETE, nil, curve(s.rsaGen)},
		{"C_GenerateKeyPair", "a curve that is not supported", ck.CKR_CURVE_NOT_SUPPORTED, nil, ec(small)},
		{"C_GenerateKeyPair", "parameters that are none", ck.CKR_DOMAIN_PARAMS_INVALID, nil, ec([]byte("?"))},
		{"C_GenerateKeyPair", "a parameter set that is not supported", ck.CKR_PARAMETER_SET_NOT_SUPPORTED, nil, curve(s.kemGen, ck.Ulong[uint64](ck.CKA_PARAMETER_SET, ck.CKP_ML_KEM_512))},
		{"C_GenerateKeyPair", "a private key of the public", ck.CKR_USER_NOT_LOGGED_IN, s.loggedOut, append([]uintptr{s.public}, pair[1:]...)},
	}
	rows = append(rows, s.mechanismRows("C_GenerateKey", key, s.mechanism(ck.CKM_AES_KEY_GEN, []byte{1}))...)
	rows = append(rows, s.mechanismRows("C_GenerateKeyPair", pair, s.mechanism(ck.CKM_RSA_PKCS_KEY_PAIR_GEN, []byte{1}))...)
	rows = append(rows, s.templateRows("C_GenerateKey", key, 2, n16)...)
	return append(rows, s.templateRows("C_GenerateKeyPair", pair, 2, bits)...)
}

// wrapRows is C_WrapKey and C_WrapKeyAuthenticated.
func (s *stage) wrapRows() []row {
	data := s.create(isData)
	stays := s.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bytes(ck.CKA_VALUE, make([]byte, 16)), ck.Bool(ck.CKA_EXTRACTABLE, false))
	trusting := s.create(ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bytes(ck.CKA_VALUE, make([]byte, 16)),
		ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bool(ck.CKA_WRAP_WITH_TRUSTED, true))
	gcm := s.gcmMessage(s.Bytes(12, 0), s.Bytes(16, 0))
	wrap := func(mech, by, key uintptr) []uintptr { return []uintptr{s.h, mech, by, key, s.out, s.room(512)} }
	rows := []row{
		{"C_WrapKey", "a key of no whole block", ck.CKR_KEY_SIZE_RANGE, nil, wrap(s.mechanism(ck.CKM_AES_KEY_WRAP, nil), s.aes, s.generic(17))},
		{"C_WrapKey", "a wrapping key too small for the mechanism", ck.CKR_WRAPPING_KEY_SIZE_RANGE, nil, wrap(s.oaep, s.tiny, s.hmac)},
	}
	for _, f := range []struct {
		name      string
		mech, bad uintptr
		aad       []uintptr
	}{
		{"C_WrapKey", s.kwp, s.mechanism(ck.CKM_AES_KEY_WRAP_KWP, make([]byte, 5)), nil},
		{"C_WrapKeyAuthenticated", gcm, s.mechanism(ck.CKM_AES_GCM, make([]byte, 40)), []uintptr{s.in, 4}},
	} {
		call := func(by, key, room uintptr) []uintptr {
			return append(append([]uintptr{s.h, f.mech, by, key}, f.aad...), s.out, s.room(room))
		}
		rows = append(rows, []row{
			{f.name, "good", ck.CKR_OK, nil, call(s.aes, s.aes, 512)},
			{f.name, "one byte short", ck.CKR_BUFFER_TOO_SMALL, nil, call(s.aes, s.aes, 15)},
			{f.name, "no such wrapping key", ck.CKR_WRAPPING_KEY_HANDLE_INVALID, nil, call(0, s.aes, 512)},
			{f.name, "a wrapping key of another type", ck.CKR_WRAPPING_KEY_TYPE_INCONSISTENT, nil, call(s.hmac, s.aes, 512)},
			{f.name, "a wrapping key without the use", ck.CKR_KEY_FUNCTION_NOT_PERMITTED, nil, call(s.idle, s.aes, 512)},
			{f.name, "no such key", ck.CKR_KEY_HANDLE_INVALID, nil, call(s.aes, 0, 512)},
			{f.name, "not a key", ck.CKR_KEY_NOT_WRAPPABLE, nil, call(s.aes, data, 512)},
			{f.name, "a key that may not leave", ck.CKR_KEY_UNEXTRACTABLE, nil, call(s.aes, stays, 512)},
			{f.name, "a key that wants a login each time", ck.CKR_USER_NOT_LOGGED_IN, nil, call(s.aes, s.ctx, 512)},
			{f.name, "a key for trusted ones only", ck.CKR_KEY_NOT_WRAPPABLE, nil, call(s.aes, trusting, 512)},
		}...)
		rows = append(rows, s.mechanismRows(f.name, call(s.aes, s.aes, 512), f.bad)...)
	}
	return rows
}

// unwrapRows is C_UnwrapKey and C_UnwrapKeyAuthenticated.
func (s *stage) unwrapRows() []row {
	good := []ck.Attribute{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bool(ck.CKA_SENSITIVE, false)}
	tmpl, count := s.template(good...)
	iv, tag := s.Bytes(12, 0), s.Bytes(16, 0)
	gcm := s.gcmMessage(iv, tag)
	kwp, sealed := Address(s.Bytes(24, 0)), Address(s.Bytes(16, 0))
	s.ok("C_WrapKey", s.h, s.kwp, s.aes, s.aes, kwp, s.room(24))
	s.ok("C_WrapKeyAuthenticated", s.h, gcm, s.aes, s.aes, s.in, 4, sealed, s.room(16))
	rows := []row{
		{"C_UnwrapKey", "a key too small for the mechanism", ck.CKR_UNWRAPPING_KEY_SIZE_RANGE, nil, []uintptr{s.h, s.oaep, s.tinyPriv, s.in, 128, tmpl, count, s.handle()}},
	}
	var public uintptr
	s.at(s.public, func() {
		public = s.create(append(good, ck.Bytes(ck.CKA_VALUE, []byte("0123456789abcdef")), ck.Bool(ck.CKA_PRIVATE, false), ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bool(ck.CKA_UNWRAP, true))...)
	})
	private, privateCount := s.template(append(good, isPrivate)...)
	for _, f := range []struct {
		name      string
		mech, bad uintptr
		data, n   uintptr
		aad       []uintptr
	}{
		{"C_UnwrapKey", s.kwp, s.mechanism(ck.CKM_AES_KEY_WRAP_KWP, make([]byte, 5)), kwp, 24, nil},
		{"C_UnwrapKeyAuthenticated", gcm, s.mechanism(ck.CKM_AES_GCM, make([]byte, 40)), sealed, 16, []uintptr{s.in, 4}},
	} {
		call := func(by, data, n uintptr) []uintptr {
			return append(append([]uintptr{s.h, f.mech, by, data, n, tmpl, count}, f.aad...), s.handle())
		}
		ok := call(s.aes, f.data, f.n)
		rows = append(rows, []row{
			{f.name, "good", ck.CKR_OK, nil, ok},
			{f.name, "no such key", ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID, nil, call(0, f.data, f.n)},
			{f.name, "a key of another type", ck.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, nil, call(s.hmac, f.data, f.n)},
			{f.name, "a key without the use", ck.CKR_KEY_FUNCTION_NOT_PERMITTED, nil, call(s.idle, f.data, f.n)},
			{f.name, "an empty template", ck.CKR_TEMPLATE_INCOMPLETE, nil, append(append(append([]uintptr{}, ok[:5]...), 0, 0), ok[7:]...)},
			{f.name, "a private key of the public", ck.CKR_USER_NOT_LOGGED_IN, s.loggedOut,
				append(append([]uintptr{s.public, f.mech, public, f.data, f.n, private, privateCount}, f.aad...), s.handle())},
			{f.name, "not a wrapped key", ck.CKR_WRAPPED_KEY_INVALID, nil, call(s.aes, s.in, f.n)},
			{f.name, "a wrapped key of wild length", ck.CKR_WRAPPED_KEY_LEN_RANGE, nil, call(s.aes, f.data, 1<<63)},
		}...)
		rows = append(rows, s.mechanismRows(f.name, ok, f.bad)...)
		rows = append(rows, s.templateRows(f.name, ok, 5, good)...)
	}
	return rows
}

// deriveRows is C_DeriveKey.
func (s *stage) deriveRows() []row {
	good := []ck.Attribute{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16)), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES)}
	sha := s.mechanism(ck.CKM_SHA256_KEY_DERIVATION, nil)
	call := func(h, mech, base uintptr, attrs ...ck.Attribute) []uintptr {
		p, n := s.template(attrs...)
		return []uintptr{h, mech, base, p, n, s.handle()}
	}
	ok := call(s.h, sha, s.hmac, good...)
	var public uintptr
	s.at(s.public, func() { public = s.generic(32) })
	rows := []row{
		{"C_DeriveKey", "good", ck.CKR_OK, nil, ok},
		{"C_DeriveKey", "a private key of the public", ck.CKR_USER_NOT_LOGGED_IN, s.loggedOut, call(s.public, sha, public, append(good, isPrivate)...)},
		{"C_DeriveKey", "no such key", ck.CKR_KEY_HANDLE_INVALID, nil, call(s.h, sha, 0, good...)},
		{"C_DeriveKey", "a key of another class", ck.CKR_KEY_TYPE_INCONSISTENT, nil, call(s.h, sha, s.priv, good...)},
		{"C_DeriveKey", "a key without the use", ck.CKR_KEY_FUNCTION_NOT_PERMITTED, nil, call(s.h, sha, s.aes, good...)},
		{"C_DeriveKey", "more than there is", ck.CKR_KEY_SIZE_RANGE, nil, call(s.h, sha, s.hmac, ck.Ulong(ck.CKA_VALUE_LEN, uint64(100)))},
	}
	rows = append(rows, s.mechanismRows("C_DeriveKey", ok, s.mechanism(ck.CKM_SHA256_KEY_DERIVATION, []byte{1}))...)
	return append(rows, s.templateRows("C_DeriveKey", ok, 3, good)...)
}

// encapsulateRows is C_EncapsulateKey and C_DecapsulateKey.
func (s *stage) encapsulateRows() []row {
	good := []ck.Attribute{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Ulong(ck.CKA_VALUE_LEN, uint64(32))}
	tmpl, count := s.template(good...)
	text := Address(s.Bytes(1088, 0))
	s.ok("C_EncapsulateKey", s.h, s.kem, s.kemPub, tmpl, count, text, s.room(1088), s.handle())
	enc := func(key, room uintptr) []uintptr {
		return []uintptr{s.h, s.kem, key, tmpl, count, s.ciphertext(), s.room(room), s.handle()}
	}
	dec := func(key, n uintptr) []uintptr { return []uintptr{s.h, s.kem, key, tmpl, count, text, n, s.handle()} }
	idlePub, idlePriv := s.pair(s.kemGen, []ck.Attribute{ck.Ulong[uint64](ck.CKA_PARAMETER_SET, ck.CKP_ML_KEM_768), ck.Bool(ck.CKA_ENCAPSULATE, false)},
		[]ck.Attribute{ck.Bool(ck.CKA_DECAPSULATE, false)})
	param := s.mechanism(ck.CKM_ML_KEM, make([]byte, 8))
	long, one := s.template(ck.Ulong(ck.CKA_VALUE_LEN, uint64(100)))
	tooLong := func(args []uintptr) []uintptr {
		args[3], args[4] = long, one
		return args
	}
	var public, secret uintptr
	s.at(s.public, func() {
		public, secret = s.pair(s.kemGen, []ck.Attribute{ck.Ulong[uint64](ck.CKA_PARAMETER_SET, ck.CKP_ML_KEM_768), ck.Bool(ck.CKA_PRIVATE, false)}, []ck.Attribute{ck.Bool(ck.CKA_PRIVATE, false)})
	})
	private, privateCount := s.template(append(good, isPrivate)...)
	rows := []row{
		{"C_EncapsulateKey", "a private key of the public", ck.CKR_USER_NOT_LOGGED_IN, s.loggedOut, []uintptr{s.public, s.kem, public, private, privateCount, s.ciphertext(), s.room(1088), s.handle()}},
		{"C_DecapsulateKey", "a private key of the public", ck.CKR_USER_NOT_LOGGED_IN, s.loggedOut, []uintptr{s.public, s.kem, secret, private, privateCount, text, 1088, s.handle()}},
		{"C_EncapsulateKey", "good", ck.CKR_OK, nil, enc(s.kemPub, 1088)},
		{"C_EncapsulateKey", "one byte short", ck.CKR_BUFFER_TOO_SMALL, nil, enc(s.kemPub, 1087)},
		{"C_EncapsulateKey", "no such key", ck.CKR_KEY_HANDLE_INVALID, nil, enc(0, 1088)},
		{"C_EncapsulateKey", "a key of another class", ck.CKR_KEY_TYPE_INCONSISTENT, nil, enc(s.kemPriv, 1088)},
		{"C_EncapsulateKey", "a key without the use", ck.CKR_KEY_FUNCTION_NOT_PERMITTED, nil, enc(idlePub, 1088)},
		{"C_EncapsulateKey", "more than there is", ck.CKR_KEY_SIZE_RANGE, nil, tooLong(enc(s.kemPub, 1088))},
		{"C_DecapsulateKey", "good", ck.CKR_OK, nil, dec(s.kemPriv, 1088)},
		{"C_DecapsulateKey", "no such key", ck.CKR_UNWRAPPING_KEY_HANDLE_INVALID, nil, dec(0, 1088)},
		{"C_DecapsulateKey", "a key of another class", ck.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, nil, dec(s.kemPub, 1088)},
		{"C_DecapsulateKey", "a key without the use", ck.CKR_KEY_FUNCTION_NOT_PERMITTED, nil, dec(idlePriv, 1088)},
		{"C_DecapsulateKey", "a ciphertext one byte short", ck.CKR_WRAPPED_KEY_LEN_RANGE, nil, dec(s.kemPriv, 1087)},
		{"C_DecapsulateKey", "more than there is", ck.CKR_TEMPLATE_INCONSISTENT, nil, tooLong(dec(s.kemPriv, 1088))},
	}
	for name, args := range map[string][]uintptr{"C_EncapsulateKey": enc(s.kemPub, 1088), "C_DecapsulateKey": dec(s.kemPriv, 1088)} {
		rows = append(rows, s.mechanismRows(name, args, param)...)
		rows = append(rows, s.templateRows(name, args, 3, good)...)
	}
	return rows
}

// ciphertext is room for one.
func (s *stage) ciphertext() uintptr { return Address(s.Bytes(1088, 0)) }
