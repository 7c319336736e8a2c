package keyfile

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
)

// idSize is the length of the ID of a secret key when nobody says, in bytes.
const idSize = 8

// ReadAES reads an AES key from a file that has its 16, 24 or 32 bytes, or those in
// hexadecimal with white space where one likes. The caller wipes the source.
func ReadAES(path string, o Options) (*importer.Source, error) {
	whole, err := readAll(path)
	if err != nil {
		return nil, err
	}
	defer whole.Zero()
	value := make([]byte, 0, 32)
	switch raw := whole.Expose(); {
	case isAESLength(len(raw)) && !isHex(raw):
		value = append(value, raw...)
	default:
		if value, err = unhex(raw); err != nil {
			return nil, importer.Formatf("%s has neither 16, 24 or 32 bytes nor as many in hexadecimal", path)
		}
	}
	b := newBatch("AES key", path, o)
	id := b.ID
	if id == nil {
		id = make([]byte, idSize)
		rand.Read(id)
	}
	key := importer.Object{Where: path, Attrs: append(ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bytes(ck.CKA_VALUE, value),
	}, b.kept(b.label(""), id)...)}
	both := append(append([]ck.AttributeType(nil), b.Private...), b.Public...)
	b.Objects = append(b.Objects, key.With(usesOf(both, secretUses)...))
	return &b.Source, nil
}

func isAESLength(n int) bool { return n == 16 || n == 24 || n == 32 }

// isHex reports whether b is all digits and white space: 32 bytes that are so are a
// key of 16 in hexadecimal.
func isHex(b []byte) bool {
	for _, c := range b {
		if !bytes.ContainsRune([]byte("0123456789abcdefABCDEF \t\r\n"), rune(c)) {
			return false
		}
	}
	return true
}

// unhex decodes b without copies that stay.
func unhex(b []byte) ([]byte, error) {
	digits := make([]byte, 0, len(b))
	defer func() { clear(digits[:cap(digits)]) }()
	for _, c := range b {
		if !bytes.ContainsRune([]byte(" \t\r\n"), rune(c)) {
			digits = append(digits, c)
		}
	}
	value := make([]byte, hex.DecodedLen(len(digits)))
	_, err := hex.Decode(value, digits)
	if err != nil || !isAESLength(len(value)) {
		clear(value)
		return nil, importer.ErrFormat
	}
	return value, nil
}
