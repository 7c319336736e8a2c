package main

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func TestParseKeyType(t *testing.T) {
	p256, _ := curveAttribute(curves["p256"])
	for _, c := range []struct {
		in   string
		mech ck.MechanismType
		size ck.Attribute
	}{
		{"rsa", ck.CKM_RSA_PKCS_KEY_PAIR_GEN, ck.Ulong(ck.CKA_MODULUS_BITS, uint64(3072))},
		{"rsa:4096", ck.CKM_RSA_PKCS_KEY_PAIR_GEN, ck.Ulong(ck.CKA_MODULUS_BITS, uint64(4096))},
		{"ec", ck.CKM_EC_KEY_PAIR_GEN, p256},
		{"ec:p256", ck.CKM_EC_KEY_PAIR_GEN, p256},
		{"aes:128", ck.CKM_AES_KEY_GEN, ck.Ulong(ck.CKA_VALUE_LEN, uint64(16))},
		{"hmac:512", ck.CKM_GENERIC_SECRET_KEY_GEN, ck.Ulong(ck.CKA_VALUE_LEN, uint64(64))},
		{"ed25519", ck.CKM_EC_EDWARDS_KEY_PAIR_GEN, ck.Bytes(ck.CKA_EC_PARAMS, []byte("\x06\x03\x2b\x65\x70"))},
		{"x25519", ck.CKM_EC_MONTGOMERY_KEY_PAIR_GEN, ck.Bytes(ck.CKA_EC_PARAMS, []byte("\x06\x03\x2b\x65\x6e"))},
	} {
		got, err := parseKeyType(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got.mech != c.mech || got.size.Type != c.size.Type || string(got.size.Value) != string(c.size.Value) {
			t.Errorf("%s: got %v %v", c.in, got.mech, got.size)
		}
	}
}

func TestParseKeyTypeRefuses(t *testing.T) {
	for _, in := range []string{"", "dsa", "hmac:104", "rsa:many", "rsa:0", "rsa:2049", "rsa:-8", "ec:ed25519", "ec:p192", "ed25519:256", "aes:99999999999", "RSA"} {
		if _, err := parseKeyType(in); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
}

// TestTypeName checks that keys are shown under the name they are made by.
func TestTypeName(t *testing.T) {
	for _, c := range []struct {
		want  string
		attrs ck.Template
	}{
		{"rsa:2048", ck.Template{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_RSA), ck.Bytes(ck.CKA_MODULUS, append([]byte{0}, make256()...))}},
		{"ec:p384", ck.Template{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_EC), must(namedCurve("p384"))}},
		{"ed25519", ck.Template{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_EC_EDWARDS), must(fixedCurve("ed25519")(""))}},
		{"aes:192", ck.Template{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), must(valueBits("192"))}},
		{"generic:?", ck.Template{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET)}},
		{"ec:?", ck.Template{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_EC)}},
		{"CKK_DES3", ck.Template{ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_DES3)}},
	} {
		if got := typeName(c.attrs); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func make256() []byte {
	n := make([]byte, 256)
	n[0] = 0x80
	return n
}

func must(a ck.Attribute, err error) ck.Attribute {
	if err != nil {
		panic(err)
	}
	return a
}

// TestFamilies checks that what nobody asked for is allowed, and that every use is
// a purpose.
func TestFamilies(t *testing.T) {
	known := map[string]bool{}
	for _, p := range purposes {
		known[p.word] = true
	}
	for _, f := range families {
		if err := f.checkUses(f.uses); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if _, err := f.attribute(f.variant); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		for _, u := range f.can {
			if !known[u] {
				t.Errorf("%s: %q is no purpose", f.name, u)
			}
		}
	}
}
