package abitest

import "github.com/coffer-hsm/coffer/hsm/ck"

// fault is a template that cannot be, and the code for it.
type fault struct {
	condition string
	code      ck.RV
	attrs     []ck.Attribute
}

var (
	isData    = ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA)
	isPrivate = ck.Bool(ck.CKA_PRIVATE, true)
	isToken   = ck.Bool(ck.CKA_TOKEN, true)
	unknown   = ck.Bytes(0x40000001, []byte("?"))
	twoBytes  = ck.Attribute{Type: ck.CKA_PRIVATE, Value: []byte{1, 0}}
)

// objectRows is section 5.7.
func (s *stage) objectRows() []row {
	rows := s.createRows()
	with := func(function string, h, object uintptr, attrs []ck.Attribute, rest ...uintptr) []uintptr {
		p, n := s.template(attrs...)
		return append([]uintptr{h, object, p, n}, rest...)
	}
	label := []ck.Attribute{ck.String(ck.CKA_LABEL, "x")}
	for _, f := range []struct {
		name string
		rest []uintptr
	}{{"C_CopyObject", []uintptr{s.handle()}}, {"C_SetAttributeValue", nil}} {
		call := func(h, object uintptr, attrs ...ck.Attribute) []uintptr {
			return with(f.name, h, object, attrs, f.rest...)
		}
		rows = append(rows, []row{
			{f.name, "good", ck.CKR_OK, nil, call(s.h, s.data, label...)},
			{f.name, "no such object", ck.CKR_OBJECT_HANDLE_INVALID, nil, call(s.h, 0, label...)},
			{f.name, "a value of the object for good", ck.CKR_ATTRIBUTE_READ_ONLY, nil, call(s.h, s.aes, ck.Bool(ck.CKA_LOCAL, true))},
			{f.name, "an unknown attribute", ck.CKR_ATTRIBUTE_TYPE_INVALID, nil, call(s.h, s.data, unknown)},
			{f.name, "a label that is no text", ck.CKR_ATTRIBUTE_VALUE_INVALID, nil, call(s.h, s.aes, ck.Attribute{Type: ck.CKA_ENCRYPT, Value: []byte{1, 0}})},
			{f.name, "a template that contradicts itself", ck.CKR_TEMPLATE_INCONSISTENT, nil, call(s.h, s.aes, ck.Bool(ck.CKA_ENCRYPT, true), ck.Bool(ck.CKA_ENCRYPT, false))},
		}...)
	}
	find := func(attrs ...ck.Attribute) []uintptr {
		p, n := s.template(attrs...)
		return []uintptr{s.h, p, n}
	}
	began := s.done("C_FindObjectsInit", s.h, 0, 0)
	value := func(object uintptr, q question) []uintptr { return []uintptr{s.h, object, Address(s.ask(q)), 1} }
	return append(rows, []row{
		{"C_CopyObject", "an object that may not be copied", ck.CKR_ACTION_PROHIBITED, nil, with("", s.h, s.fixed, label, s.handle())},
		{"C_CopyObject", "a token object in a read-only session", ck.CKR_SESSION_READ_ONLY, nil, with("", s.ro, s.data, []ck.Attribute{isToken}, s.handle())},
		{"C_CopyObject", "a private object of the public", ck.CKR_USER_NOT_LOGGED_IN, s.loggedOut, with("", s.public, s.publicObject(), []ck.Attribute{isPrivate}, s.handle())},
		{"C_SetAttributeValue", "an object that may not be changed", ck.CKR_ACTION_PROHIBITED, nil, with("", s.h, s.locked, label)},
		{"C_SetAttributeValue", "a token object in a read-only session", ck.CKR_SESSION_READ_ONLY, nil, with("", s.ro, s.tokenObject(), label)},
		{"C_DestroyObject", "good", ck.CKR_OK, nil, []uintptr{s.h, s.create(isData)}},
		{"C_DestroyObject", "no such object", ck.CKR_OBJECT_HANDLE_INVALID, nil, []uintptr{s.h, 0}},
		{"C_DestroyObject", "an object that may not be destroyed", ck.CKR_ACTION_PROHIBITED, nil, []uintptr{s.h, s.fixed}},
		{"C_DestroyObject", "a token object in a read-only session", ck.CKR_SESSION_READ_ONLY, nil, []uintptr{s.ro, s.tokenObject()}},
		{"C_GetObjectSize", "good", ck.CKR_OK, nil, []uintptr{s.h, s.data, s.room(0)}},
		{"C_GetObjectSize", "no such object", ck.CKR_OBJECT_HANDLE_INVALID, nil, []uintptr{s.h, 0, s.room(0)}},
		{"C_GetAttributeValue", "good", ck.CKR_OK, nil, value(s.aes, question{ck.CKA_VALUE, 16})},
		{"C_GetAttributeValue", "one byte short", ck.CKR_BUFFER_TOO_SMALL, nil, value(s.aes, question{ck.CKA_VALUE, 15})},
		{"C_GetAttributeValue", "a secret", ck.CKR_ATTRIBUTE_SENSITIVE, nil, value(s.secret, question{ck.CKA_VALUE, 16})},
		{"C_GetAttributeValue", "of another class", ck.CKR_ATTRIBUTE_TYPE_INVALID, nil, value(s.aes, question{ck.CKA_MODULUS, 16})},
		{"C_GetAttributeValue", "no such object", ck.CKR_OBJECT_HANDLE_INVALID, nil, value(0, question{ck.CKA_VALUE, 16})},
		{"C_FindObjectsInit", "good", ck.CKR_OK, nil, find(isData)},
		{"C_FindObjects", "good", ck.CKR_OK, began, []uintptr{s.h, s.out, 8, s.room(0)}},
		{"C_FindObjectsFinal", "good", ck.CKR_OK, began, []uintptr{s.h}},
	}...)
}

// publicObject is an object of the other token that all may see.
func (s *stage) publicObject() uintptr {
	p, n := s.template(isData, ck.Bool(ck.CKA_PRIVATE, false))
	h := s.Ulongs(0)
	s.ok("C_CreateObject", s.public, p, n, Address(h))
	return uintptr(h.At(0))
}

// tokenObject is an object that stays.
func (s *stage) tokenObject() uintptr { return s.create(isData, isToken) }

// createRows is C_CreateObject.
func (s *stage) createRows() []row {
	private, public := ck.Ulong(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY)
	ec, kem := ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_EC), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_ML_KEM)
	curve := []byte{6, 5, 0x2b, 0x81, 4, 0, 9} // secp160r1: too small
	create := func(h uintptr, attrs ...ck.Attribute) []uintptr {
		p, n := s.template(attrs...)
		return []uintptr{h, p, n, s.handle()}
	}
	rows := []row{
		{"C_CreateObject", "good", ck.CKR_OK, nil, create(s.h, isData)},
		{"C_CreateObject", "a token object in a read-only session", ck.CKR_SESSION_READ_ONLY, nil, create(s.ro, isData, isToken)},
		{"C_CreateObject", "a private object of the public", ck.CKR_USER_NOT_LOGGED_IN, s.loggedOut, create(s.public, isData, isPrivate)},
		{"C_CreateObject", "a wild count", ck.CKR_ARGUMENTS_BAD, nil, []uintptr{s.h, s.in, 1 << 63, s.handle()}},
	}
	for _, f := range []fault{
		{"an attribute that the token gives", ck.CKR_ATTRIBUTE_READ_ONLY, []ck.Attribute{isData, ck.String(ck.CKA_UNIQUE_ID, "x")}},
		{"an unknown attribute", ck.CKR_ATTRIBUTE_TYPE_INVALID, []ck.Attribute{isData, unknown}},
		{"a bool of two bytes", ck.CKR_ATTRIBUTE_VALUE_INVALID, []ck.Attribute{isData, twoBytes}},
		{"no class", ck.CKR_TEMPLATE_INCOMPLETE, []ck.Attribute{isPrivate}},
		{"a template that contradicts itself", ck.CKR_TEMPLATE_INCONSISTENT, []ck.Attribute{isData, isPrivate, ck.Bool(ck.CKA_PRIVATE, false)}},
		{"an attribute of another class", ck.CKR_TEMPLATE_INCONSISTENT, []ck.Attribute{isData, ck.Bool(ck.CKA_ENCRYPT, true)}},
		{"a curve that is not supported", ck.CKR_CURVE_NOT_SUPPORTED, []ck.Attribute{public, ec, ck.Bytes(ck.CKA_EC_PARAMS, curve), ck.Bytes(ck.CKA_EC_POINT, make([]byte, 43))}},
		{"parameters that are none", ck.CKR_DOMAIN_PARAMS_INVALID, []ck.Attribute{public, ec, ck.Bytes(ck.CKA_EC_PARAMS, []byte("?")), ck.Bytes(ck.CKA_EC_POINT, make([]byte, 43))}},
		{"a parameter set that is not supported", ck.CKR_PARAMETER_SET_NOT_SUPPORTED, []ck.Attribute{private, kem, ck.Ulong[uint64](ck.CKA_PARAMETER_SET, ck.CKP_ML_KEM_512), ck.Bytes(ck.CKA_VALUE, make([]byte, 1632))}},
	} {
		rows = append(rows, row{"C_CreateObject", f.condition, f.code, nil, create(s.h, f.attrs...)})
	}
	return rows
}
