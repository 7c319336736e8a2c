package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
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
	can     []string // what --use may be
	uses    []string // what it is when nobody says
	variant string   // when nobody says; "" if the family has none
	// attribute turns the variant into the attribute that asks for it.
	attribute func(variant string) (ck.Attribute, error)
	about     string // for the help
}

// families are in the order of the help. hmac and generic are the same to
// PKCS #11; they differ in what the key is for.
var families = []family{
	{
		name: "rsa", keyType: ck.CKK_RSA, mech: ck.CKM_RSA_PKCS_KEY_PAIR_GEN, pair: true,
		can: []string{"sign", "encrypt", "wrap"}, uses: []string{"sign", "encrypt"},
		variant: "3072", attribute: modulusBits, about: "rsa:2048 to rsa:8192",
	},
	{
		name: "ec", keyType: ck.CKK_EC, mech: ck.CKM_EC_KEY_PAIR_GEN, pair: true,
		can: []string{"sign", "derive"}, uses: []string{"sign"},
		variant: "p256", attribute: namedCurve, about: "ec:p224, ec:p256, ec:p384, ec:p521",
	},
	{
		name: "ed25519", keyType: ck.CKK_EC_EDWARDS, mech: ck.CKM_EC_EDWARDS_KEY_PAIR_GEN, pair: true,
		can: []string{"sign"}, uses: []string{"sign"},
		attribute: fixedCurve("ed25519"), about: "ed25519",
	},
	{
		name: "x25519", keyType: ck.CKK_EC_MONTGOMERY, mech: ck.CKM_EC_MONTGOMERY_KEY_PAIR_GEN, pair: true,
		can: []string{"derive"}, uses: []string{"derive"},
		attribute: fixedCurve("x25519"), about: "x25519",
	},
	{
		name: "aes", keyType: ck.CKK_AES, mech: ck.CKM_AES_KEY_GEN,
		can: []string{"sign", "encrypt", "wrap", "derive"}, uses: []string{"encrypt"},
		variant: "256", attribute: valueBits, about: "aes:128, aes:192, aes:256",
	},
	{
		name: "hmac", keyType: ck.CKK_GENERIC_SECRET, mech: ck.CKM_GENERIC_SECRET_KEY_GEN,
		can: []string{"sign"}, uses: []string{"sign"},
		variant: "256", attribute: secretBits, about: "hmac:112 to hmac:65536",
	},
	{
		name: "generic", keyType: ck.CKK_GENERIC_SECRET, mech: ck.CKM_GENERIC_SECRET_KEY_GEN,
		can: []string{"sign", "derive"}, uses: []string{"derive"},
		variant: "256", attribute: secretBits, about: "generic:112 to generic:65536",
	},
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

// checkUses holds what a key is to be used for against what its family can do. One
// key that both wraps and decrypts would bring out in clear what it had wrapped.
func (f *family) checkUses(uses []string) error {
	for _, u := range uses {
		if !slices.Contains(f.can, u) {
			return fmt.Errorf("use %q: a key of type %s is for %s", u, f.name, strings.Join(f.can, ", "))
		}
	}
	if slices.Contains(uses, "wrap") && slices.Contains(uses, "encrypt") {
		return fmt.Errorf("uses wrap and encrypt: such a key could decrypt what it has wrapped; make two keys")
	}
	return nil
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

// weakestSecret is the least strength that still counts as any, in bits (NIST SP
// 800-131A, section 1.2.1). PKCS #11 has shorter keys; people should not.
const weakestSecret = 112

func secretBits(variant string) (ck.Attribute, error) {
	if bits, err := parseBits(variant); err == nil && bits < weakestSecret {
		return ck.Attribute{}, fmt.Errorf("%d bits can be guessed; at least %d", bits, weakestSecret)
	}
	return valueBits(variant)
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
