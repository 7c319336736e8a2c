// Package keyfile reads keys and certificates out of files: PEM and DER (PKCS #8,
// encrypted or not, PKCS #1, SEC 1, X.509), PKCS #12, and the bare bytes of AES keys.
//
// Such files say nothing of what a key is for, so that Options do. Where they have no
// ID for a key, it is the SHA-1 of the public key (RFC 5280, section 4.2.1.2, method 1),
// which a key and its certificate have in common.
package keyfile

import (
	"bytes"
	"crypto/sha1"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// Options are what files do not say. The zero value is a sensitive key that cannot
// leave, for what keys of its type are usually for.
type Options struct {
	Label       string // empty: that of the file, or else its name
	ID          []byte // nil: see the package text
	Extractable bool
	// Private and Public are the attributes of use that are true for the private or
	// secret key, and for the public one; nil: what is usual.
	Private, Public []ck.AttributeType
}

// maxFile is the most that is read of a file, in bytes.
const maxFile = 16 << 20

// readAll reads a file whole. The caller wipes it.
func readAll(path string) (*secret.Bytes, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, importer.Formatf("%s is no file of keys", path)
	}
	b := secret.New(int(info.Size()))
	if _, err := io.ReadFull(f, b.Expose()); err != nil {
		b.Zero()
		return nil, err
	}
	return b, nil
}

// batch collects what a file has.
type batch struct {
	Options
	path string
	importer.Source
	keys map[string]names // of private keys, by keyID
}

// names are what a program finds a key by.
type names struct {
	label string
	id    []byte
}

func newBatch(kind, path string, o Options) *batch {
	return &batch{Options: o, path: path, Source: importer.Source{Kind: kind, Name: kind + " " + path}, keys: map[string]names{}}
}

// label is the label of an object that the file calls name.
func (b *batch) label(name string) string {
	base := filepath.Base(b.path)
	switch {
	case b.Options.Label != "":
		return b.Options.Label
	case name != "":
		return name
	}
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// addPrivateKey adds a private key, as service.DecodePrivateKey has it, and its public
// half. It takes tmpl over.
func (b *batch) addPrivateKey(where, name string, tmpl ck.Template) {
	label := b.label(name)
	id := b.ID
	info, _ := tmpl.Find(ck.CKA_PUBLIC_KEY_INFO)
	natural := keyID(info.Value)
	if id == nil {
		id = natural
	}
	b.keys[string(natural)] = names{label, id}
	private := importer.Object{Where: where, Attrs: append(clean(tmpl), b.kept(label, id)...)}
	b.Objects = append(b.Objects, private.With(usesOf(b.Private, privateUses)...))
	if public := publicHalf(tmpl); public != nil {
		common := ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY), ck.String(ck.CKA_LABEL, label), ck.Bytes(ck.CKA_ID, bytes.Clone(id)),
		}
		o := importer.Object{Where: where, Attrs: append(common, public...)}
		b.Objects = append(b.Objects, o.With(usesOf(b.Public, publicUses)...))
	}
}

// kept are the attributes of private and secret keys.
func (b *batch) kept(label string, id []byte) ck.Template {
	return ck.Template{
		ck.String(ck.CKA_LABEL, label), ck.Bytes(ck.CKA_ID, bytes.Clone(id)),
		ck.Bool(ck.CKA_PRIVATE, true), ck.Bool(ck.CKA_SENSITIVE, true), ck.Bool(ck.CKA_EXTRACTABLE, b.Extractable),
	}
}

// The uses that a key of a class can have.
var (
	privateUses = []ck.AttributeType{ck.CKA_SIGN, ck.CKA_SIGN_RECOVER, ck.CKA_DECRYPT, ck.CKA_UNWRAP, ck.CKA_DERIVE}
	publicUses  = []ck.AttributeType{ck.CKA_VERIFY, ck.CKA_VERIFY_RECOVER, ck.CKA_ENCRYPT, ck.CKA_WRAP, ck.CKA_DERIVE}
	secretUses  = []ck.AttributeType{ck.CKA_SIGN, ck.CKA_VERIFY, ck.CKA_ENCRYPT, ck.CKA_DECRYPT, ck.CKA_WRAP, ck.CKA_UNWRAP, ck.CKA_DERIVE}
)

// usesOf returns the attributes of use, true for those asked for; nil if none is, and
// the partition says what is usual.
func usesOf(asked, all []ck.AttributeType) (attrs []ck.Attribute) {
	if asked == nil {
		return nil
	}
	on := map[ck.AttributeType]bool{}
	for _, t := range asked {
		on[t] = true
	}
	for _, t := range all {
		attrs = append(attrs, ck.Bool(t, on[t]))
	}
	return attrs
}

// publicParts are the attributes of a private key that its public half has, by type.
var publicParts = map[ck.KeyType][]ck.AttributeType{
	ck.CKK_RSA:           {ck.CKA_MODULUS, ck.CKA_PUBLIC_EXPONENT},
	ck.CKK_EC:            {ck.CKA_EC_PARAMS, ck.CKA_EC_POINT},
	ck.CKK_EC_EDWARDS:    {ck.CKA_EC_PARAMS, ck.CKA_EC_POINT},
	ck.CKK_EC_MONTGOMERY: {ck.CKA_EC_PARAMS, ck.CKA_EC_POINT},
}

// publicHalf returns the key attributes of the public half; nil if it cannot be told.
func publicHalf(private ck.Template) ck.Template {
	kt, _ := private.Ulong(ck.CKA_KEY_TYPE)
	var out ck.Template
	for _, t := range publicParts[ck.KeyType(kt)] {
		a, ok := private.Find(t)
		if !ok {
			return nil
		}
		out = append(out, ck.Bytes(t, bytes.Clone(a.Value)))
	}
	if out == nil {
		return nil
	}
	return append(out, ck.Ulong(ck.CKA_KEY_TYPE, kt))
}

// clean returns the attributes of a key that make it up.
func clean(tmpl ck.Template) (out ck.Template) {
	for _, a := range tmpl {
		switch a.Type {
		case ck.CKA_PUBLIC_KEY_INFO, ck.CKA_LABEL, ck.CKA_ID:
		default:
			out = append(out, a)
		}
	}
	return out
}

// keyID is the SHA-1 of the BIT STRING in a SubjectPublicKeyInfo.
func keyID(info []byte) []byte {
	s := cryptobyte.String(info)
	var seq, algorithm cryptobyte.String
	var key []byte
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&algorithm, asn1.SEQUENCE) || !seq.ReadASN1BitStringAsBytes(&key) {
		return []byte{}
	}
	sum := sha1.Sum(key)
	return sum[:]
}

// addPKCS8 adds the private key of a PrivateKeyInfo.
func (b *batch) addPKCS8(where, name string, der []byte) error {
	tmpl, err := service.DecodePrivateKey(der)
	if err != nil {
		object.WipeTemplate(tmpl)
		return importer.Formatf("%s: %v", where, err)
	}
	b.addPrivateKey(where, name, tmpl)
	return nil
}
