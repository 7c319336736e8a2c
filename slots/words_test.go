package slots_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The words of scripts, one kind after the other.

// session reads the name of a session; a name that nobody has given is a
// handle that nobody has.
func (w *world) session(a args, i int) ck.SessionHandle {
	if h, ok := w.sessions[a.word(i)]; ok {
		return h
	}
	return 0xbad
}

func (w *world) object(a args, i int) ck.ObjectHandle {
	if h, ok := w.objects[a.word(i)]; ok {
		return h
	}
	return 0xbad
}

// name gives the name at i to an object that a call has made.
func (w *world) name(a args, i int, h ck.ObjectHandle, err error) {
	if err == nil {
		w.objects[a.word(i)] = h
	}
}

// data reads bytes: NULL, "" for none, x*16 for sixteen x, $name for what was
// saved, a text as it is.
func (w *world) data(a args, i int) []byte {
	s := a.word(i)
	if s == "NULL" {
		return nil
	}
	if s == `""` {
		return []byte{}
	}
	if name, ok := strings.CutPrefix(s, "$"); ok {
		return w.saved[name]
	}
	if text, times, ok := strings.Cut(s, "*"); ok {
		n, err := strconv.Atoi(times)
		if err != nil {
			a.t.Fatalf("%q: %v", s, err)
		}
		return bytes.Repeat([]byte(text), n)
	}
	return []byte(s)
}

// buffer reads the size of an output buffer; NULL asks for the length.
func (a args) buffer(i int) []byte {
	if a.word(i) == "NULL" {
		return nil
	}
	return make([]byte, a.number(i))
}

// output tells what a call left in dst: the length and, if a further word
// >name does not save them, the bytes.
func (w *world) output(a args, i int, dst []byte, n int, err error) (string, error) {
	if err != nil && ck.Code(err) != ck.CKR_BUFFER_TOO_SMALL {
		return "", err
	}
	if err != nil || dst == nil {
		return fmt.Sprint(n), err
	}
	for _, word := range a.rest(i) {
		if name, ok := strings.CutPrefix(word, ">"); ok {
			w.saved[name] = bytes.Clone(dst[:n])
			return fmt.Sprint(n), nil
		}
	}
	return strings.TrimSpace(fmt.Sprint(n, " ", hex.EncodeToString(dst[:n]))), nil
}

var mechanismNames = map[string]ck.MechanismType{
	"AES_KEY_GEN":           ck.CKM_AES_KEY_GEN,
	"AES_ECB":               ck.CKM_AES_ECB,
	"AES_KEY_WRAP":          ck.CKM_AES_KEY_WRAP,
	"SHA256":                ck.CKM_SHA256,
	"SHA256_HMAC":           ck.CKM_SHA256_HMAC,
	"RSA_PKCS":              ck.CKM_RSA_PKCS,
	"RSA_PKCS_KEY_PAIR_GEN": ck.CKM_RSA_PKCS_KEY_PAIR_GEN,
	"VENDOR_DEFINED":        ck.CKM_VENDOR_DEFINED,
}

func (a args) mechanism(i int) *ck.Mechanism {
	if a.word(i) == "NULL" {
		return nil
	}
	t, ok := mechanismNames[a.word(i)]
	if !ok {
		a.t.Fatalf("no mechanism %q", a.word(i))
	}
	return &ck.Mechanism{Type: t}
}

// sealing is AES-GCM for a message, the IV of which the token makes.
func sealing() *ck.Mechanism {
	return &ck.Mechanism{Type: ck.CKM_AES_GCM, Param: &ck.MessageParams{
		Kind: ck.GCMMessage, Nonce: make([]byte, 12), Generator: ck.CKG_GENERATE, Tag: make([]byte, 16), TagSize: 16,
	}}
}

var boolNames = map[string]ck.AttributeType{
	"token": ck.CKA_TOKEN, "private": ck.CKA_PRIVATE, "sensitive": ck.CKA_SENSITIVE,
	"extractable": ck.CKA_EXTRACTABLE, "encrypt": ck.CKA_ENCRYPT, "decrypt": ck.CKA_DECRYPT,
	"sign": ck.CKA_SIGN, "verify": ck.CKA_VERIFY, "wrap": ck.CKA_WRAP, "unwrap": ck.CKA_UNWRAP,
	"sign-recover": ck.CKA_SIGN_RECOVER, "verify-recover": ck.CKA_VERIFY_RECOVER,
	"always-authenticate": ck.CKA_ALWAYS_AUTHENTICATE,
}

// kindNames are the words that say what an object is.
var kindNames = map[string]ck.Template{
	"data":    {ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA)},
	"aes":     {ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES)},
	"generic": {ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET)},
	"profile": {ck.Ulong(ck.CKA_CLASS, ck.CKO_PROFILE)},
	"trust":   {ck.Ulong(ck.CKA_CLASS, ck.CKO_TRUST), ck.String(ck.CKA_ISSUER, "issuer"), ck.String(ck.CKA_SERIAL_NUMBER, "serial")},
	"clock":   {ck.Ulong(ck.CKA_CLASS, ck.CKO_HW_FEATURE), ck.Ulong(ck.CKA_HW_FEATURE_TYPE, uint64(ck.CKH_CLOCK))},
	"rsa2048": {ck.Ulong[uint64](ck.CKA_MODULUS_BITS, 2048), ck.Bytes(ck.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})},
}

// textNames and numberNames are the attributes whose values are written out.
var (
	textNames = map[string]ck.AttributeType{
		"label": ck.CKA_LABEL, "value": ck.CKA_VALUE, "hash": ck.CKA_HASH_OF_CERTIFICATE,
	}
	numberNames = map[string]ck.AttributeType{
		"length": ck.CKA_VALUE_LEN, "profile-id": ck.CKA_PROFILE_ID, "server-auth": ck.CKA_TRUST_SERVER_AUTH,
	}
)

// template reads attributes: +sign and -token set them true and false,
// label=x, length=n and the like to a text or a number; aes, data and
// the like say what the object is.
func (a args) template(words []string) ck.Template {
	var t ck.Template
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch kind, ok := kindNames[name]; {
		case ok:
			t = append(t, kind...)
		case textNames[name] != 0:
			t = append(t, ck.String(textNames[name], value))
		case numberNames[name] != 0:
			n, _ := strconv.ParseUint(value, 10, 64)
			t = append(t, ck.Ulong(numberNames[name], n))
		default:
			attr, ok := boolNames[word[1:]]
			if !ok {
				a.t.Fatalf("no attribute %q", word)
			}
			t = append(t, ck.Bool(attr, word[0] == '+'))
		}
	}
	return t
}
