package object

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

func nestedTemplate() ck.Attribute {
	inner := ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: []ck.Attribute{}}
	return ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: []ck.Attribute{inner, ck.Bool(ck.CKA_SIGN, true)}}
}

func samples(t testing.TB) []*Object {
	var out []*Object
	for _, tmpl := range []ck.Template{
		dataTemplate(), rsaPublicTemplate(), rsaPrivateTemplate(), ecPublicTemplate(ck.CKK_EC),
		certificateTemplate(selfSigned(t).Raw), plus(aesTemplate(), nestedTemplate(), ck.Bytes(ck.CKA_ID, make([]byte, 300))),
	} {
		o, _ := create(t, tmpl)
		out = append(out, o)
	}
	return out
}

func TestEncodeDecode(t *testing.T) {
	for _, o := range samples(t) {
		b := o.Encode()
		if len(b) != o.Size() {
			t.Errorf("%v: size %d of %d", o.Class(), o.Size(), len(b))
		}
		got, err := Decode(o.ID(), b)
		if err != nil {
			t.Fatal(o.Class(), err)
		}
		if !reflect.DeepEqual(got.Unpacked(), o.Unpacked()) {
			t.Errorf("%v: decoded as something else", o.Class())
		}
		for _, o := range []*Object{got, got.Unpacked()} {
			if e := o.Encode(); !bytes.Equal(e, b) || o.Size() != len(e) {
				t.Errorf("%v: encoded otherwise", o.Class())
			}
		}
	}
}

// A packed object answers as the one that it was made of.
func TestPacked(t *testing.T) {
	for _, o := range samples(t) {
		packed, err := Decode(o.ID(), o.Encode())
		if err != nil {
			t.Fatal(o.Class(), err)
		}
		if o = o.Unpacked(); packed.Unpacked() == packed || o.Unpacked() != o {
			t.Errorf("%v: which one is packed?", o.Class())
		}
		for _, r := range o.schema.rows {
			a, in, rv := packed.Get(r.typ)
			b, inToo, rvToo := o.Get(r.typ)
			if !reflect.DeepEqual(a, b) || in != inToo || rv != rvToo {
				t.Errorf("%v: %v is %v, want %v", o.Class(), r.typ, a, b)
			}
			if packed.Permits(r.typ) != o.Permits(r.typ) {
				t.Errorf("%v: permits %v", o.Class(), r.typ)
			}
		}
		if !packed.Matches(o.attrs) || packed.Token() != o.Token() || packed.Private() != o.Private() || packed.KeyType() != o.KeyType() {
			t.Errorf("%v: another object", o.Class())
		}
		if !o.Bool(ck.CKA_MODIFIABLE) {
			continue
		}
		change := ck.Template{ck.String(ck.CKA_LABEL, "another")}
		one, err1 := o.Set(change, false)
		two, err2 := packed.Set(change, false)
		if !reflect.DeepEqual(one, two) || ck.Code(err1) != ck.Code(err2) {
			t.Errorf("%v: changes otherwise: %v, %v", o.Class(), err1, err2)
		}
	}
}

// The bytes are those of FORMAT.md, on every machine and in every version.
func TestBytes(t *testing.T) {
	const want = "01" +
		"00100000000000000000" + // CKA_CLASS: CKO_DATA
		"010200" + "020200" + "0304" + "6869" + // CKA_TOKEN, CKA_PRIVATE, CKA_LABEL "hi"
		"1000" + "110a0102030405" + "1200" + // CKA_APPLICATION, CKA_VALUE, CKA_OBJECT_ID
		"f0020201" + "f1020201" + "f2020201" // CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE
	o, _ := create(t, plus(dataTemplate(), ck.String(ck.CKA_LABEL, "hi")))
	if got := hex.EncodeToString(o.Encode()); got != want {
		t.Errorf("%s", got)
	}
}

// raw encodes attributes that no object of this version would have.
func raw(attrs ...ck.Attribute) []byte { return appendList([]byte{formatVersion}, attrs) }

func TestNewerVersions(t *testing.T) {
	const future = ck.AttributeType(0x7fff)
	copyable, modifiable := ck.Bool(ck.CKA_COPYABLE, true), ck.Bool(ck.CKA_MODIFIABLE, true)
	label := ck.String(ck.CKA_LABEL, "x")
	futures := []ck.Attribute{
		{Type: future, Value: []byte("later")},
		{Type: future + 1, Nested: []ck.Attribute{{Type: future, Value: []byte{}}}},
	}
	for name, first := range map[string][]ck.Attribute{
		"attribute": {class(ck.CKO_DATA), label, modifiable, copyable},
		"class":     {class(0x7777), label, modifiable, copyable},
		"key type":  {class(ck.CKO_PRIVATE_KEY), label, keyTypeOf(0x7777), ck.Bool(ck.CKA_SIGN, true), modifiable, copyable},
	} {
		t.Run(name, func(t *testing.T) {
			b := raw(append(first, futures...)...)
			o, err := Decode(api.ObjectID{1}, b)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(o.Encode(), b) {
				t.Error("it is not kept")
			}
			if _, _, rv := o.Get(future); rv != ck.CKR_ATTRIBUTE_TYPE_INVALID || o.Matches(ck.Template{futures[0]}) {
				t.Error("it is shown")
			}
			if !o.Matches(ck.Template{first[0], label}) {
				t.Error("the object cannot be found")
			}
			renamed, err := o.Set(ck.Template{ck.String(ck.CKA_LABEL, "y")}, false)
			if err != nil || string(renamed.Bytes(future)) != "later" {
				t.Error("it is lost by a change", err)
			}
			c, _, err := o.Copy(nil, nil, false)
			if err != nil || !bytes.Equal(c.Encode(), b) {
				t.Error("it is lost by copying", err)
			}
			if _, _, rv := o.Get(ck.CKA_VALUE); rv == ck.CKR_OK && name == "key type" {
				t.Error("a secret of a key type nobody knows is readable")
			}
		})
	}
}

func TestDamagedEncodings(t *testing.T) {
	o, _ := create(t, plus(aesTemplate(), nestedTemplate()))
	good := o.Encode()
	for n := range good {
		// Whole attributes may be missing at the end, nothing else.
		if got, err := Decode(api.ObjectID{}, good[:n]); err == nil && !bytes.Equal(got.Encode(), good[:n]) {
			t.Fatalf("%d bytes of %d are read as something else", n, len(good))
		}
	}
	data := class(ck.CKO_DATA)
	list := func(n int) []byte { // n lists, one in the other
		b := []byte{}
		for range n {
			b = append([]byte{0x7f, byte(len(b)<<1 | 1)}, b...)
		}
		return append(raw(data), b...)
	}
	if _, err := Decode(api.ObjectID{}, list(maxDepth-1)); err != nil {
		t.Error("refuses as deep as it may be:", err)
	}
	for name, b := range map[string][]byte{
		"nothing":             {},
		"version only":        {1},
		"version 2":           append([]byte{2}, raw(data)[1:]...),
		"no class":            raw(ck.String(ck.CKA_LABEL, "x")),
		"narrow class":        raw(ck.Bytes(ck.CKA_CLASS, []byte{0, 0, 0, 0})),
		"no key type":         raw(class(ck.CKO_SECRET_KEY)),
		"wide bool":           raw(data, bytesOf(ck.CKA_TOKEN)),
		"bool of two":         raw(data, ck.Bytes(ck.CKA_TOKEN, []byte{2})),
		"list for a value":    raw(data, ck.Attribute{Type: ck.CKA_LABEL, Nested: []ck.Attribute{}}),
		"value for a list":    raw(class(ck.CKO_SECRET_KEY), keyTypeOf(ck.CKK_AES), bytesOf(ck.CKA_UNWRAP_TEMPLATE)),
		"secret in the open":  raw(class(ck.CKO_SECRET_KEY), value(16), keyTypeOf(ck.CKK_AES)),
		"twice":               raw(data, ck.String(ck.CKA_LABEL, "x"), ck.String(ck.CKA_LABEL, "x")),
		"out of order":        raw(data, ck.String(ck.CKA_LABEL, "x"), ck.Bool(ck.CKA_TOKEN, true)),
		"unique id":           append(raw(data), 4, 2, 'x'),
		"type only":           append(raw(data), 3),
		"cut off":             append(raw(data), 3, 6, 'x'),
		"huge value":          append(raw(data), 3, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
		"long number":         append(raw(data), 3, 0x82, 0x00, 'x'),
		"too deep":            list(maxDepth),
		"damage in a list":    append(raw(data), 0x7f, 1<<1|1, 3),
		"disorder in a list":  append(raw(data), 0x7f, 4<<1|1, 3, 0, 2, 0),
		"unique id in a list": append(raw(data), 0x7f, 2<<1|1, 4, 0),
	} {
		if o, err := Decode(api.ObjectID{}, b); ck.Code(err) != ck.CKR_DEVICE_ERROR || o != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, o := range samples(f) {
		f.Add(o.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Decode(api.ObjectID{1}, b)
		if err != nil {
			return
		}
		if got := o.Encode(); !bytes.Equal(got, b) || o.Size() != len(b) {
			t.Fatalf("two encodings of one object:\n%x\n%x", b, got)
		}
		o.Matches(ck.Template{class(ck.CKO_DATA)})
		o.Set(ck.Template{ck.String(ck.CKA_LABEL, "x")}, true)
		o.Copy(nil, nil, false)
	})
}

func FuzzNewMaterial(f *testing.F) {
	_, m := create(f, rsaPrivateTemplate())
	f.Add(bytes.Clone(m.Secret().Expose()))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := secret.From(bytes.Clone(b))
		defer s.Zero()
		m, err := NewMaterial(s)
		if err != nil {
			return
		}
		m.Get(ck.CKA_VALUE)
		m.Get(^ck.AttributeType(0))
	})
}

func FuzzCertificate(f *testing.F) {
	f.Add(selfSigned(f).Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		for a, v := range parseCertificate(der) {
			if len(v) == 0 || !bytes.Contains(der, v) {
				t.Fatalf("%v is not of the certificate", a)
			}
		}
	})
}
