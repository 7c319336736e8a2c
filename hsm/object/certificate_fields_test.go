package object

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// renamed returns a name of c's length with its string as a PrintableString.
func renamed(t *testing.T, commonName string) []byte {
	t.Helper()
	der, err := asn1.Marshal(pkix.Name{CommonName: commonName}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// utf8Name writes the same name with a UTF8String.
func utf8Name(t *testing.T, commonName string) []byte {
	t.Helper()
	der := bytes.Clone(renamed(t, commonName))
	at := len(der) - len(commonName) - 2
	if der[at] != asn1.TagPrintableString {
		t.Fatalf("tag %d", der[at])
	}
	der[at] = asn1.TagUTF8String
	return der
}

func TestCertificateIsHeldAgainstItsAttributes(t *testing.T) {
	c := selfSigned(t) // CN=coffer, serial 0x1234
	sum := sha1.Sum(c.Raw)
	tests := []struct {
		name string
		a    ck.Attribute
		want ck.RV
	}{
		{"subject", ck.Bytes(ck.CKA_SUBJECT, c.RawSubject), ck.CKR_OK},
		{"subject in UTF-8", ck.Bytes(ck.CKA_SUBJECT, utf8Name(t, "coffer")), ck.CKR_OK},
		{"another subject", ck.Bytes(ck.CKA_SUBJECT, renamed(t, "copper")), ck.CKR_TEMPLATE_INCONSISTENT},
		{"subject that is no name", ck.String(ck.CKA_SUBJECT, "coffer"), ck.CKR_TEMPLATE_INCONSISTENT},
		{"subject and a byte", ck.Bytes(ck.CKA_SUBJECT, append(bytes.Clone(c.RawSubject), 0)), ck.CKR_TEMPLATE_INCONSISTENT},
		{"issuer", ck.Bytes(ck.CKA_ISSUER, c.RawIssuer), ck.CKR_OK},
		{"no issuer", ck.Bytes(ck.CKA_ISSUER, nil), ck.CKR_OK},
		{"another issuer", ck.Bytes(ck.CKA_ISSUER, renamed(t, "copper")), ck.CKR_TEMPLATE_INCONSISTENT},
		{"serial in DER", ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{2, 2, 0x12, 0x34}), ck.CKR_OK},
		{"serial without frame", ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{0x12, 0x34}), ck.CKR_OK},
		{"serial padded", ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{0, 0x12, 0x34}), ck.CKR_OK},
		{"serial backwards", ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{0x34, 0x12}), ck.CKR_OK},
		{"no serial", ck.Bytes(ck.CKA_SERIAL_NUMBER, nil), ck.CKR_OK},
		{"another serial", ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{2, 2, 0x12, 0x35}), ck.CKR_TEMPLATE_INCONSISTENT},
		{"longer serial", ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{2, 2, 0x12, 0x34, 0}), ck.CKR_TEMPLATE_INCONSISTENT},
		{"key", ck.Bytes(ck.CKA_PUBLIC_KEY_INFO, c.RawSubjectPublicKeyInfo), ck.CKR_OK},
		{"another key", ck.Bytes(ck.CKA_PUBLIC_KEY_INFO, selfSigned(t).RawSubjectPublicKeyInfo), ck.CKR_TEMPLATE_INCONSISTENT},
		{"check value", ck.Bytes(ck.CKA_CHECK_VALUE, sum[:3]), ck.CKR_OK},
		{"no check value", ck.Bytes(ck.CKA_CHECK_VALUE, nil), ck.CKR_OK},
		{"wrong check value", ck.Bytes(ck.CKA_CHECK_VALUE, sum[1:4]), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"long check value", ck.Bytes(ck.CKA_CHECK_VALUE, sum[:]), ck.CKR_ATTRIBUTE_VALUE_INVALID},
		{"dates", ck.String(ck.CKA_START_DATE, "20010101"), ck.CKR_OK}, // the application's business
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := New(Request{Template: plus(certificateTemplate(c.Raw), tt.a)})
			wantCode(t, err, tt.want)
		})
	}
}

// Of a value that cannot be read nothing is known, and anything can be said.
func TestOpaqueCertificateIsNotHeldAgainstAnything(t *testing.T) {
	create(t, plus(certificateTemplate([]byte("opaque")), ck.String(ck.CKA_SUBJECT, "s"), ck.String(ck.CKA_SERIAL_NUMBER, "1")))
}

func TestCheckValueOfCertificates(t *testing.T) {
	c := selfSigned(t)
	o, _ := create(t, certificateTemplate(c.Raw))
	if sum := sha1.Sum(c.Raw); !bytes.Equal(o.Bytes(ck.CKA_CHECK_VALUE), sum[:3]) {
		t.Errorf("%x", o.Bytes(ck.CKA_CHECK_VALUE))
	}
	elsewhere := plus(without(certificateTemplate(nil), ck.CKA_VALUE), ck.String(ck.CKA_SUBJECT, "s"), ck.String(ck.CKA_URL, "u"),
		bytesOf(ck.CKA_HASH_OF_SUBJECT_PUBLIC_KEY), bytesOf(ck.CKA_HASH_OF_ISSUER_PUBLIC_KEY))
	if o, _ = create(t, elsewhere); o.Bytes(ck.CKA_CHECK_VALUE) != nil {
		t.Error("a certificate that is not here has a check value")
	}
}

// An issuer or serial number that is set later must fit as well.
func TestChangedCertificateFitsItself(t *testing.T) {
	c := selfSigned(t)
	o, _ := create(t, certificateTemplate(c.Raw))
	_, err := o.Set(ck.Template{ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{0x12, 0x34})}, false)
	wantCode(t, err, ck.CKR_OK)
	for _, a := range []ck.AttributeType{ck.CKA_ISSUER, ck.CKA_SERIAL_NUMBER} {
		_, err = o.Set(ck.Template{bytesOf(a)}, false)
		wantCode(t, err, ck.CKR_TEMPLATE_INCONSISTENT)
		_, _, err = o.Copy(ck.Template{bytesOf(a)}, nil, false)
		wantCode(t, err, ck.CKR_TEMPLATE_INCONSISTENT)
	}
}

func TestSearchBySerialNumber(t *testing.T) {
	c := selfSigned(t)
	der, content := []byte{2, 2, 0x12, 0x34}, []byte{0x12, 0x34}
	for _, stored := range [][]byte{der, content} {
		o, _ := create(t, plus(certificateTemplate(c.Raw), ck.Bytes(ck.CKA_SERIAL_NUMBER, stored)))
		for _, asked := range []struct {
			serial []byte
			found  bool
		}{{der, true}, {content, true}, {[]byte{0, 0x12, 0x34}, true}, {[]byte{0x34, 0x12}, false}, {nil, false}, {[]byte{2, 2, 0x12, 0x35}, false}} {
			if got := o.Matches(ck.Template{ck.Bytes(ck.CKA_SERIAL_NUMBER, asked.serial)}); got != asked.found {
				t.Errorf("%x stored, %x asked for: %v", stored, asked.serial, got)
			}
		}
	}
	none, _ := create(t, plus(certificateTemplate(c.Raw), ck.Bytes(ck.CKA_SERIAL_NUMBER, nil)))
	if none.Matches(ck.Template{ck.Bytes(ck.CKA_SERIAL_NUMBER, []byte{2, 1, 0})}) {
		t.Error("no serial number is taken for zero")
	}
}

// Serial numbers by which a search finds one certificate have one BareSerial: partitions
// look for them by that.
func TestBareSerial(t *testing.T) {
	all := [][]byte{nil}
	for first := 0; len(all[len(all)-1]) < 4; { // all of up to four bytes that matter
		longer := all[first:]
		first = len(all)
		for _, v := range longer {
			for _, b := range []byte{0, 1, 2, 3, 7} {
				all = append(all, append(bytes.Clone(v), b))
			}
		}
	}
	all = append(all, []byte{2, 3, 2, 1, 1}, []byte{0, 2, 3, 2, 1, 1}, []byte{2, 5, 2, 3, 2, 1, 1}, []byte{2, 0x81, 1, 1})
	for _, a := range all {
		for _, b := range all {
			if sameSerial(a, b) && !bytes.Equal(BareSerial(a), BareSerial(b)) {
				t.Errorf("%x and %x: %x and %x", a, b, BareSerial(a), BareSerial(b))
			}
		}
	}
	if got := BareSerial([]byte{0, 2, 3, 2, 1, 1}); !bytes.Equal(got, []byte{1}) {
		t.Errorf("%x", got)
	}
}
