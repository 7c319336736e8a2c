package object

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// selfSigned makes a certificate with the standard library.
func selfSigned(t testing.TB) *x509.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(0x1234), Subject: pkix.Name{CommonName: "coffer"},
		NotAfter: time.Unix(2e9, 0), DNSNames: []string{"coffer.test"}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, public, private)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func certificateTemplate(der []byte) ck.Template {
	return ck.Template{class(ck.CKO_CERTIFICATE), ck.Ulong(ck.CKA_CERTIFICATE_TYPE, ck.CKC_X_509), ck.Bytes(ck.CKA_VALUE, der)}
}

func TestCertificateTellsWhatItIs(t *testing.T) {
	c := selfSigned(t)
	serial, err := asn1.Marshal(c.SerialNumber)
	if err != nil {
		t.Fatal(err)
	}
	o, m := create(t, certificateTemplate(c.Raw))
	if m != nil {
		t.Error("has a material")
	}
	for a, want := range map[ck.AttributeType][]byte{
		ck.CKA_VALUE:           c.Raw,
		ck.CKA_SUBJECT:         c.RawSubject,
		ck.CKA_ISSUER:          c.RawIssuer,
		ck.CKA_SERIAL_NUMBER:   serial,
		ck.CKA_PUBLIC_KEY_INFO: c.RawSubjectPublicKeyInfo,
		ck.CKA_ID:              {},
	} {
		if got := o.Bytes(a); !bytes.Equal(got, want) || got == nil {
			t.Errorf("%v is %x, want %x", a, got, want)
		}
	}
	if h, _ := o.Ulong(ck.CKA_NAME_HASH_ALGORITHM); h != uint64(ck.CKM_SHA_1) {
		t.Errorf("hash %#x", h)
	}
}

// What the template says of a certificate is kept as it was given.
func TestCertificateTemplateGoesFirst(t *testing.T) {
	c := selfSigned(t)
	serial := ck.Bytes(ck.CKA_SERIAL_NUMBER, c.SerialNumber.Bytes())
	o, _ := create(t, plus(certificateTemplate(c.Raw), serial, ck.Bytes(ck.CKA_ISSUER, nil)))
	if !bytes.Equal(o.Bytes(ck.CKA_SERIAL_NUMBER), serial.Value) || len(o.Bytes(ck.CKA_ISSUER)) != 0 {
		t.Error("the template did not win")
	}
}

func TestCertificateRules(t *testing.T) {
	der := selfSigned(t).Raw
	subject := ck.String(ck.CKA_SUBJECT, "s")
	url := ck.String(ck.CKA_URL, "https://coffer.test/c")
	subjectHash, issuerHash := bytesOf(ck.CKA_HASH_OF_SUBJECT_PUBLIC_KEY), bytesOf(ck.CKA_HASH_OF_ISSUER_PUBLIC_KEY)
	none := without(certificateTemplate(nil), ck.CKA_VALUE)
	tests := []struct {
		name string
		tmpl ck.Template
		want ck.RV
	}{
		{"plain", certificateTemplate(der), ck.CKR_OK},
		{"opaque with subject", plus(certificateTemplate([]byte("?")), subject), ck.CKR_OK},
		{"opaque", certificateTemplate([]byte("?")), ck.CKR_TEMPLATE_INCOMPLETE},
		{"no type", without(certificateTemplate(der), ck.CKA_CERTIFICATE_TYPE), ck.CKR_TEMPLATE_INCOMPLETE},
		{"WTLS", ck.Template{class(ck.CKO_CERTIFICATE), ck.Ulong(ck.CKA_CERTIFICATE_TYPE, ck.CKC_WTLS)}, ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"nowhere", plus(none, subject), ck.CKR_TEMPLATE_INCOMPLETE},
		{"elsewhere", plus(none, subject, url, subjectHash, issuerHash), ck.CKR_OK},
		{"elsewhere without subject hash", plus(none, subject, url, issuerHash), ck.CKR_TEMPLATE_INCOMPLETE},
		{"elsewhere without issuer hash", plus(none, subject, url, subjectHash), ck.CKR_TEMPLATE_INCOMPLETE},
		{"category", plus(certificateTemplate(der), ck.Ulong(ck.CKA_CERTIFICATE_CATEGORY, uint64(3))), ck.CKR_OK},
		{"unknown category", plus(certificateTemplate(der), ck.Ulong(ck.CKA_CERTIFICATE_CATEGORY, uint64(4))), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"unknown domain", plus(certificateTemplate(der), ck.Ulong(ck.CKA_JAVA_MIDP_SECURITY_DOMAIN, uint64(4))), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"private on the token", plus(certificateTemplate(der), ck.Bool(ck.CKA_PRIVATE, true), ck.Bool(ck.CKA_TOKEN, true)), ck.CKR_TEMPLATE_INCONSISTENT},
		{"private in the session", plus(certificateTemplate(der), ck.Bool(ck.CKA_PRIVATE, true)), ck.CKR_OK},
		{"trusted", plus(certificateTemplate(der), ck.Bool(ck.CKA_TRUSTED, true)), ck.CKR_ATTRIBUTE_READ_ONLY},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := New(Request{Template: tt.tmpl})
			wantCode(t, err, tt.want)
		})
	}
}

// Whatever is cut off or changed, nothing worse happens than that nothing is read.
func TestDamagedCertificates(t *testing.T) {
	der := selfSigned(t).Raw
	for n := range der {
		if got := parseCertificate(der[:n]); got != nil {
			t.Fatalf("%d bytes of %d are read", n, len(der))
		}
	}
	for i := range der {
		b := bytes.Clone(der)
		b[i] ^= 0xff
		parseCertificate(b)
	}
	if parseCertificate(append(bytes.Clone(der), 0)) != nil {
		t.Error("bytes left over are ignored")
	}
}
