package keyfile

import (
	"bytes"
	"crypto/x509"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/importer"
)

// addCertificate adds an X.509 certificate that the file calls name. nameCertificates
// has the last word.
func (b *batch) addCertificate(where, name string, der []byte) error {
	c, err := x509.ParseCertificate(bytes.Clone(der)) // it goes on using what it is given
	if err != nil {
		return importer.Formatf("%s: %v", where, err)
	}
	o := importer.Object{Where: where, Attrs: ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_CERTIFICATE), ck.Ulong(ck.CKA_CERTIFICATE_TYPE, ck.CKC_X_509),
		ck.Bytes(ck.CKA_VALUE, c.Raw), ck.Bytes(ck.CKA_SUBJECT, c.RawSubject), ck.Bytes(ck.CKA_ISSUER, c.RawIssuer),
		ck.String(ck.CKA_LABEL, name), ck.Bytes(ck.CKA_ID, keyID(c.RawSubjectPublicKeyInfo)),
	}}
	b.Objects = append(b.Objects, o)
	return nil
}

// nameCertificates gives labels and IDs to certificates when all of the file is known:
// those of
// the key to its certificate, those of Options to the only one, its subject to any other.
func (b *batch) nameCertificates() {
	for i := range b.Objects {
		o := &b.Objects[i]
		if o.Class() != ck.CKO_CERTIFICATE {
			continue
		}
		c, err := x509.ParseCertificate(o.Value(ck.CKA_VALUE))
		if err != nil {
			continue
		}
		key, has := b.keys[string(keyID(c.RawSubjectPublicKeyInfo))]
		switch {
		case has:
			o.Set(ck.String(ck.CKA_LABEL, key.label))
			o.Set(ck.Bytes(ck.CKA_ID, bytes.Clone(key.id)))
		case len(b.Objects) == 1:
			o.Set(ck.String(ck.CKA_LABEL, b.label(string(o.Value(ck.CKA_LABEL)))))
			if b.ID != nil {
				o.Set(ck.Bytes(ck.CKA_ID, bytes.Clone(b.ID)))
			}
		case len(o.Value(ck.CKA_LABEL)) == 0:
			o.Set(ck.String(ck.CKA_LABEL, c.Subject.CommonName))
		}
	}
}
