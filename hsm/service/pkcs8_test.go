package service

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// privateKeys has one private key of each kind.
func privateKeys(t testing.TB) map[string]*Key {
	_, priv := rsaPair()
	keys := map[string]*Key{"RSA": priv}
	for _, c := range curves {
		_, keys[c.names[0]] = ecPair(t, ck.CKM_EC_KEY_PAIR_GEN, named(t, c.names[0]))
	}
	return keys
}

// TestPKCS8 has crypto/x509 read what is written, and write what is read.
func TestPKCS8(t *testing.T) {
	for name, k := range privateKeys(t) {
		der, err := EncodePrivateKey(k)
		if err != nil {
			t.Fatal(name, err)
		}
		defer der.Zero()
		theirs, err := x509.ParsePKCS8PrivateKey(der.Expose())
		if err != nil {
			t.Error(name, err)
			continue
		}
		if e, ok := theirs.(*ecdsa.PrivateKey); ok && name == "secp224r1" && !bytes.Equal(e.D.FillBytes(make([]byte, 28)), k.Value()) {
			t.Error(name, "another value")
		}
		if e, ok := theirs.(*ecdh.PrivateKey); ok && !bytes.Equal(e.Bytes(), k.Value()) {
			t.Error(name, "another value")
		}
		again, err := x509.MarshalPKCS8PrivateKey(theirs)
		if err != nil || !bytes.Equal(again, der.Expose()) {
			t.Error(name, "crypto/x509 writes it in another way", err)
		}
		made, err := DecodePrivateKey(again)
		if err != nil {
			t.Error(name, err)
			continue
		}
		for _, a := range made {
			if !bytes.Equal(a.Value, k.attr(a.Type)) {
				t.Errorf("%s: %v changed", name, a.Type)
			}
		}
	}
}

func TestPKCS8NotAPrivateKey(t *testing.T) {
	pub, _ := rsaPair()
	made, err := Complete(ck.CKO_SECRET_KEY, ck.CKK_AES, ck.Template{ck.Bytes(ck.CKA_VALUE, make([]byte, 16))})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*Key{pub, newKeyFrom(made), newKeyFrom(nil)} {
		if _, err := EncodePrivateKey(k); err != ck.CKR_KEY_NOT_WRAPPABLE {
			t.Error(err)
		}
	}
}

// TestDecodeDamaged cuts and changes each encoding: nothing but a key or
// CKR_WRAPPED_KEY_INVALID may come of it.
func TestDecodeDamaged(t *testing.T) {
	for name, k := range privateKeys(t) {
		s, err := EncodePrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		der := bytes.Clone(s.Expose())
		s.Zero()
		for n := range der {
			if _, err := DecodePrivateKey(der[:n]); ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
				t.Fatalf("%s, cut at %d: %v", name, n, err)
			}
		}
		for i := 0; i < min(len(der), 60); i++ {
			changed := bytes.Clone(der)
			changed[i] ^= 1
			if _, err := DecodePrivateKey(changed); err != nil && ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
				t.Errorf("%s, byte %d changed: %v", name, i, err)
			}
		}
		for fill, want := range map[int]ck.RV{1: ck.CKR_OK, 15: ck.CKR_OK, 16: ck.CKR_WRAPPED_KEY_INVALID} {
			if _, err := DecodePrivateKey(append(bytes.Clone(der), make([]byte, fill)...)); ck.Code(err) != want {
				t.Errorf("%s, %d zeros behind: %v", name, fill, err)
			}
		}
		if _, err := DecodePrivateKey(append(bytes.Clone(der), 1)); ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
			t.Errorf("%s, a byte behind: %v", name, err)
		}
	}
}

// TestDecodeEC has the forms of ECPrivateKey that crypto/x509 does not write.
func TestDecodeEC(t *testing.T) {
	type ecPrivateKey struct {
		Version int
		Value   []byte
		Params  asn1.RawValue  `asn1:"optional"`
		Public  asn1.BitString `asn1:"optional,explicit,tag:1"`
	}
	type algorithm struct {
		OID    asn1.ObjectIdentifier
		Params asn1.RawValue `asn1:"optional"`
	}
	p256, _ := parseCurve(named(t, "P-256").Value)
	oid := asn1.RawValue{FullBytes: p256.params()}
	inside := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: p256.params()}
	k, err := p256.privateKey([]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	other, err := p256.privateKey([]byte{8})
	if err != nil {
		t.Fatal(err)
	}
	bits := func(b []byte) asn1.BitString { return asn1.BitString{Bytes: b, BitLength: 8 * len(b)} }
	for _, c := range []struct {
		name string
		alg  algorithm
		key  ecPrivateKey
		ok   bool
	}{
		{"curve outside", algorithm{oidEC, oid}, ecPrivateKey{Version: 1, Value: k.value}, true},
		{"curve inside", algorithm{OID: oidEC}, ecPrivateKey{Version: 1, Value: k.value, Params: inside}, true},
		{"short value", algorithm{oidEC, oid}, ecPrivateKey{Version: 1, Value: []byte{7}}, true},
		{"with point", algorithm{oidEC, oid}, ecPrivateKey{Version: 1, Value: k.value, Public: bits(k.point)}, true},
		{"another's point", algorithm{oidEC, oid}, ecPrivateKey{Version: 1, Value: k.value, Public: bits(other.point)}, false},
		{"no curve", algorithm{OID: oidEC}, ecPrivateKey{Version: 1, Value: k.value}, false},
		{"version 2", algorithm{oidEC, oid}, ecPrivateKey{Version: 2, Value: k.value}, false},
		{"zero", algorithm{oidEC, oid}, ecPrivateKey{Version: 1, Value: []byte{0}}, false},
		{"unknown curve", algorithm{oidEC, asn1.RawValue{FullBytes: []byte{6, 1, 42}}}, ecPrivateKey{Version: 1, Value: k.value}, false},
		{"unknown algorithm", algorithm{asn1.ObjectIdentifier{1, 2, 3}, oid}, ecPrivateKey{Version: 1, Value: k.value}, false},
	} {
		inner, err := asn1.Marshal(c.key)
		if err != nil {
			t.Fatal(err)
		}
		der, err := asn1.Marshal(struct {
			Version   int
			Algorithm algorithm
			Key       []byte
		}{0, c.alg, inner})
		if err != nil {
			t.Fatal(err)
		}
		made, err := DecodePrivateKey(der)
		if (err == nil) != c.ok || err != nil && ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && !bytes.Equal(sourceOf(made)(ck.CKA_VALUE), k.value) {
			t.Errorf("%s: another value", c.name)
		}
	}
}

func FuzzDecodePrivateKey(f *testing.F) {
	for _, k := range privateKeys(f) {
		der, err := EncodePrivateKey(k)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(der.Expose()))
		der.Zero()
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		made, err := DecodePrivateKey(der)
		if err != nil {
			if ck.Code(err) != ck.CKR_WRAPPED_KEY_INVALID {
				t.Error(err)
			}
			return
		}
		if _, err := EncodePrivateKey(newKeyFrom(made)); err != nil {
			t.Error(err)
		}
	})
}

// FuzzPoint reads curves and points; one that is accepted must come out in one
// form, and that form be accepted.
func FuzzPoint(f *testing.F) {
	for _, c := range curves {
		pub, _ := ecPair(f, ck.CKM_EC_KEY_PAIR_GEN, named(f, c.names[0]))
		f.Add(c.params(), pub.attr(ck.CKA_EC_POINT))
		f.Add(named(f, c.names[0]).Value, c.bare(pub.attr(ck.CKA_EC_POINT)))
	}
	f.Fuzz(func(t *testing.T, params, point []byte) {
		c, err := parseCurve(params)
		if err != nil {
			return
		}
		pub, err := c.publicKey(point)
		if err != nil {
			return
		}
		again, err := c.publicKey(octetString(pub.point))
		if err != nil || !bytes.Equal(again.point, pub.point) {
			t.Errorf("%x becomes %x: %v", point, pub.point, err)
		}
	})
}
