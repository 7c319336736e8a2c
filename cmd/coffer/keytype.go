package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// family is a kind of key that coffer key generate makes, as --type names it:
// "rsa:3072" is of the family rsa and its variant is 3072.
type family struct {
	name    string
	keyType ck.KeyType
	mech    ck.MechanismType
	pair    bool
	uses    string // what --use is when nobody says
	variant string // when nobody says; "" if the family has none
	// attribute turns the variant into the attribute that asks for it.
	attribute func(variant string) (ck.Attribute, error)
	// describe turns the attribute back into the variant; a nil function is a
	// family of one.
	about string
}

// families are in the order of the help. hmac and generic are the same to
// PKCS #11; they differ in what the key may be used for.
var families = []family{
	{"rsa", ck.CKK_RSA, ck.CKM_RSA_PKCS_KEY_PAIR_GEN, true, "sign,encrypt", "3072", modulusBits, "rsa:2048 to rsa:8192"},
	{"ec", ck.CKK_EC, ck.CKM_EC_KEY_PAIR_GEN, true, "sign", "p256", namedCurve, "ec:p224, ec:p256, ec:p384, ec:p521"},
	{"ed25519", ck.CKK_EC_EDWARDS, ck.CKM_EC_EDWARDS_KEY_PAIR_GEN, true, "sign", "", fixedCurve("ed25519"), "ed25519"},
	{"x25519", ck.CKK_EC_MONTGOMERY, ck.CKM_EC_MONTGOMERY_KEY_PAIR_GEN, true, "derive", "", fixedCurve("x25519"), "x25519"},
	{"aes", ck.CKK_AES, ck.CKM_AES_KEY_GEN, false, "encrypt", "256", valueBits, "aes:128, aes:192, aes:256"},
	{"hmac", ck.CKK_GENERIC_SECRET, ck.CKM_GENERIC_SECRET_KEY_GEN, false, "sign", "256", valueBits, "hmac:BITS"},
	{"generic", ck.CKK_GENERIC_SECRET, ck.CKM_GENERIC_SECRET_KEY_GEN, false, "derive", "256", valueBits, "generic:BITS"},
}

// curves names CKA_EC_PARAMS: the DER of the curve's object identifier (RFC 5480
// section 2.1.1.1, RFC 8410 section 3), in hex.
var curves = map[string]string{
	"p224":    "06052b81040021",
	"p256":    "06082a8648ce3d030107",
	"p384":    "06052b81040022",
	"p521":    "06052b81040023",
	"ed25519": "06032b6570",
	"x25519":  "06032b656e",
}

// keySpec is a --type that was understood.
type keySpec struct {
	*family
	size ck.Attribute // the attribute that says which of the family
}

func parseKeyType(s string) (keySpec, error) {
	name, variant, _ := strings.Cut(s, ":")
	for i := range families {
		f := &families[i]
		if f.name != name {
			continue
		}
		if variant == "" {
			variant = f.variant
		}
		a, err := f.attribute(variant)
		if err != nil {
			return keySpec{}, fmt.Errorf("type %q: %w", s, err)
		}
		return keySpec{f, a}, nil
	}
	return keySpec{}, fmt.Errorf("type %q is not known", s)
}

// keyTypeHelp lists what --type takes.
func keyTypeHelp() string {
	var b strings.Builder
	for _, f := range families {
		b.WriteString("  " + f.about)
		if f.variant != "" {
			fmt.Fprintf(&b, " (%s alone: %s:%s)", f.name, f.name, f.variant)
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func parseBits(variant string) (uint64, error) {
	bits, err := strconv.ParseUint(variant, 10, 32)
	if err != nil || bits == 0 || bits%8 != 0 {
		return 0, fmt.Errorf("%q is not a size in bits, in whole bytes", variant)
	}
	return bits, nil
}

func modulusBits(variant string) (ck.Attribute, error) {
	bits, err := parseBits(variant)
	return ck.Ulong(ck.CKA_MODULUS_BITS, bits), err
}

func valueBits(variant string) (ck.Attribute, error) {
	bits, err := parseBits(variant)
	return ck.Ulong(ck.CKA_VALUE_LEN, bits/8), err
}

func namedCurve(variant string) (ck.Attribute, error) {
	if oid, ok := curves[variant]; ok && strings.HasPrefix(variant, "p") {
		return curveAttribute(oid)
	}
	return ck.Attribute{}, fmt.Errorf("curve %q is not known", variant)
}

func fixedCurve(name string) func(string) (ck.Attribute, error) {
	return func(variant string) (ck.Attribute, error) {
		if variant != "" {
			return ck.Attribute{}, fmt.Errorf("%s has one size only", name)
		}
		return curveAttribute(curves[name])
	}
}

func curveAttribute(oid string) (ck.Attribute, error) {
	der, err := hex.DecodeString(oid)
	return ck.Bytes(ck.CKA_EC_PARAMS, der), err
}

// typeName says what a key is in the words of --type, from its attributes. What
// --type cannot make is called by the standard's name.
func typeName(attrs ck.Template) string {
	kt, _ := attrs.Ulong(ck.CKA_KEY_TYPE)
	switch ck.KeyType(kt) {
	case ck.CKK_RSA:
		return "rsa:" + strconv.Itoa(modulusLength(attrs))
	case ck.CKK_AES:
		return "aes:" + secretLength(attrs)
	case ck.CKK_GENERIC_SECRET:
		return "generic:" + secretLength(attrs)
	case ck.CKK_EC:
		return "ec:" + curveName(attrs)
	case ck.CKK_EC_EDWARDS, ck.CKK_EC_MONTGOMERY:
		return curveName(attrs)
	}
	return ck.KeyType(kt).String()
}

func modulusLength(attrs ck.Template) int {
	n, _ := attrs.Find(ck.CKA_MODULUS)
	return 8 * len(bytes.TrimLeft(n.Value, "\x00"))
}

func secretLength(attrs ck.Template) string {
	n, ok := attrs.Ulong(ck.CKA_VALUE_LEN)
	if !ok {
		return "?"
	}
	return strconv.FormatUint(8*n, 10)
}

func curveName(attrs ck.Template) string {
	params, _ := attrs.Find(ck.CKA_EC_PARAMS)
	oid := hex.EncodeToString(params.Value)
	for name, known := range curves {
		if known == oid {
			return name
		}
	}
	return "?"
}
