package object

import (
	"bytes"
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func TestGet(t *testing.T) {
	with := func(tmpl ck.Template, sensitive, extractable bool) *Object {
		o, _ := create(t, plus(tmpl, ck.Bool(ck.CKA_SENSITIVE, sensitive), ck.Bool(ck.CKA_EXTRACTABLE, extractable)))
		return o
	}
	data, _ := create(t, dataTemplate())
	public, _ := create(t, rsaPublicTemplate())
	tests := []struct {
		name       string
		o          *Object
		t          ck.AttributeType
		want       ck.RV
		inMaterial bool
	}{
		{"open value", with(aesTemplate(), false, true), ck.CKA_VALUE, ck.CKR_OK, true},
		{"sensitive value", with(aesTemplate(), true, true), ck.CKA_VALUE, ck.CKR_ATTRIBUTE_SENSITIVE, false},
		{"unextractable value", with(aesTemplate(), false, false), ck.CKA_VALUE, ck.CKR_ATTRIBUTE_SENSITIVE, false},
		{"closed value", with(aesTemplate(), true, false), ck.CKA_VALUE, ck.CKR_ATTRIBUTE_SENSITIVE, false},
		{"private exponent", with(rsaPrivateTemplate(), true, true), ck.CKA_PRIVATE_EXPONENT, ck.CKR_ATTRIBUTE_SENSITIVE, false},
		{"prime, there or not", with(rsaPrivateTemplate(), true, true), ck.CKA_PRIME_1, ck.CKR_ATTRIBUTE_SENSITIVE, false},
		{"open exponent", with(rsaPrivateTemplate(), false, true), ck.CKA_PRIVATE_EXPONENT, ck.CKR_OK, true},
		{"EC value", with(ecPrivateTemplate(ck.CKK_EC), true, false), ck.CKA_VALUE, ck.CKR_ATTRIBUTE_SENSITIVE, false},
		{"modulus", with(rsaPrivateTemplate(), true, false), ck.CKA_MODULUS, ck.CKR_OK, false},
		{"public modulus", public, ck.CKA_MODULUS, ck.CKR_OK, false},
		{"data", data, ck.CKA_VALUE, ck.CKR_OK, false},
		{"empty label", data, ck.CKA_LABEL, ck.CKR_OK, false},
		{"unique id", data, ck.CKA_UNIQUE_ID, ck.CKR_OK, false},
		{"value of a public key", public, ck.CKA_VALUE, ck.CKR_ATTRIBUTE_TYPE_INVALID, false},
		{"modulus of AES", with(aesTemplate(), false, true), ck.CKA_MODULUS, ck.CKR_ATTRIBUTE_TYPE_INVALID, false},
		{"nothing known", data, ck.CKA_VENDOR_DEFINED, ck.CKR_ATTRIBUTE_TYPE_INVALID, false},
		{"not set", public, ck.CKA_WRAP_TEMPLATE, ck.CKR_ATTRIBUTE_TYPE_INVALID, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, in, rv := tt.o.Get(tt.t)
			if rv != tt.want || in != tt.inMaterial || a.Type != tt.t {
				t.Errorf("%v %v %v", a.Type, in, rv)
			}
			if rv == ck.CKR_OK && !in && !bytes.Equal(a.Value, tt.o.Bytes(tt.t)) || (rv != ck.CKR_OK || in) && a.Value != nil {
				t.Errorf("value %x", a.Value)
			}
		})
	}
}

// The attributes that clients read on every key are there (clients expect them
// even if they are empty).
func TestEveryKeyHas(t *testing.T) {
	for _, tmpl := range []ck.Template{rsaPrivateTemplate(), rsaPublicTemplate(), ecPrivateTemplate(ck.CKK_EC_EDWARDS), aesTemplate()} {
		o, _ := create(t, tmpl)
		want := []ck.AttributeType{ck.CKA_CLASS, ck.CKA_KEY_TYPE, ck.CKA_ID, ck.CKA_LABEL, ck.CKA_START_DATE, ck.CKA_END_DATE,
			ck.CKA_LOCAL, ck.CKA_KEY_GEN_MECHANISM, ck.CKA_UNIQUE_ID, ck.CKA_DERIVE}
		if o.Class() != ck.CKO_SECRET_KEY {
			want = append(want, ck.CKA_SUBJECT, ck.CKA_PUBLIC_KEY_INFO)
		}
		for _, a := range want {
			if _, in, rv := o.Get(a); rv != ck.CKR_OK || in {
				t.Errorf("%v: %v is %v", o.Class(), a, rv)
			}
		}
	}
}

func TestAccessors(t *testing.T) {
	o, _ := create(t, plus(aesTemplate(), ck.Bool(ck.CKA_TOKEN, true), ck.String(ck.CKA_LABEL, "x"),
		ck.Attribute{Type: ck.CKA_WRAP_TEMPLATE, Nested: []ck.Attribute{ck.Bool(ck.CKA_SIGN, true)}}))
	if v, ok := o.Ulong(ck.CKA_KEY_TYPE); v != uint64(ck.CKK_AES) || !ok {
		t.Error("key type", v, ok)
	}
	if _, ok := o.Ulong(ck.CKA_MODULUS_BITS); ok {
		t.Error("AES has a modulus")
	}
	if _, ok := o.Ulong(ck.CKA_LABEL); ok {
		t.Error("a label is a number")
	}
	if o.Bool(ck.CKA_LABEL) || o.Bool(ck.CKA_VENDOR_DEFINED) || !o.Bool(ck.CKA_TOKEN) || !o.Token() || !o.Private() {
		t.Error("flags")
	}
	if string(o.Bytes(ck.CKA_LABEL)) != "x" || o.Bytes(ck.CKA_VENDOR_DEFINED) != nil || o.Bytes(ck.CKA_WRAP_TEMPLATE) != nil {
		t.Error("bytes")
	}
	if len(o.Nested(ck.CKA_WRAP_TEMPLATE)) != 1 || o.Nested(ck.CKA_LABEL) != nil || o.Nested(ck.CKA_UNWRAP_TEMPLATE) != nil {
		t.Error("nested")
	}
}

func TestPermits(t *testing.T) {
	o, _ := create(t, plus(aesTemplate(), ck.Bool(ck.CKA_SIGN, false), ck.Bool(ck.CKA_DERIVE, true), ck.Bool(ck.CKA_ENCRYPT, true)))
	for use, want := range map[ck.AttributeType]bool{ck.CKA_ENCRYPT: true, ck.CKA_SIGN: false, ck.CKA_DERIVE: true, ck.CKA_WRAP: false,
		ck.CKA_SIGN_RECOVER: false, ck.CKA_ENCAPSULATE: false, ck.CKA_MODIFIABLE: false, ck.CKA_SENSITIVE: false} {
		if o.Permits(use) != want {
			t.Errorf("%v: %v", use, !want)
		}
	}
	public, _ := create(t, plus(ecPublicTemplate(ck.CKK_EC), ck.Bool(ck.CKA_ENCAPSULATE, true)))
	if !public.Permits(ck.CKA_ENCAPSULATE) || public.Permits(ck.CKA_DECAPSULATE) {
		t.Error("CKA_ENCAPSULATE is not seen")
	}
}

func TestAllows(t *testing.T) {
	list := func(ms ...ck.MechanismType) ck.Template {
		var v []byte
		for _, m := range ms {
			v = ck.AppendUlong(v, uint64(m))
		}
		return plus(aesTemplate(), ck.Bytes(ck.CKA_ALLOWED_MECHANISMS, v))
	}
	tests := []struct {
		name string
		tmpl ck.Template
		m    ck.MechanismType
		want bool
	}{
		{"no list", aesTemplate(), ck.CKM_AES_GCM, true},
		{"listed", list(ck.CKM_AES_CBC, ck.CKM_AES_GCM), ck.CKM_AES_GCM, true},
		{"not listed", list(ck.CKM_AES_CBC, ck.CKM_AES_GCM), ck.CKM_AES_ECB, false},
		{"empty list", list(), ck.CKM_AES_GCM, false},
	}
	for _, tt := range tests {
		o, _ := create(t, tt.tmpl)
		read, err := Decode(o.ID(), o.Encode())
		if err != nil {
			t.Fatal(err)
		}
		for form, o := range map[string]*Object{"made": o, "read": read, "unpacked": read.Unpacked()} {
			if o.Allows(tt.m) != tt.want {
				t.Errorf("%s, %s: %v", tt.name, form, !tt.want)
			}
		}
	}
}

// What runs on every use of a key allocates nothing.
func TestHotPathAllocatesNothing(t *testing.T) {
	o, m := create(t, plus(aesTemplate(), ck.Bytes(ck.CKA_ALLOWED_MECHANISMS, make([]byte, 80))))
	search := ck.Template{class(ck.CKO_SECRET_KEY), ck.Bytes(ck.CKA_ID, nil)}
	got := testing.AllocsPerRun(100, func() {
		_ = o.Permits(ck.CKA_SIGN) && o.Allows(ck.CKM_AES_GCM) && o.Bool(ck.CKA_TOKEN) && o.Matches(search)
		o.Ulong(ck.CKA_VALUE_LEN)
		o.Bytes(ck.CKA_LABEL)
		o.Get(ck.CKA_VALUE)
		m.Get(ck.CKA_VALUE)
		o.Size()
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkMatches(b *testing.B) {
	o, _ := create(b, plus(aesTemplate(), ck.String(ck.CKA_LABEL, "a label of a usual length")))
	search := ck.Template{class(ck.CKO_SECRET_KEY), ck.String(ck.CKA_LABEL, "a label of another length")}
	for b.Loop() {
		o.Matches(search)
	}
}

func BenchmarkNew(b *testing.B) {
	tmpl := aesTemplate()
	for b.Loop() {
		_, m, err := New(Request{Template: tmpl})
		if err != nil {
			b.Fatal(err)
		}
		m.Zero()
	}
}

// Objects are read and copied from many threads at once (run with -race).
func TestManyThreads(t *testing.T) {
	o, m := create(t, plus(aesTemplate(), nestedTemplate()))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				c, err := o.Set(ck.Template{ck.String(ck.CKA_LABEL, "x"), ck.Bool(ck.CKA_SIGN, false)}, false)
				if err != nil || c.Permits(ck.CKA_SIGN) || !o.Permits(ck.CKA_SIGN) {
					t.Error("Set:", err)
				}
				_, cm, err := o.Copy(nil, m, false)
				if err != nil {
					t.Error("Copy:", err)
				}
				cm.Zero()
				o.Encode()
				m.Get(ck.CKA_VALUE)
			}
		})
	}
	wg.Wait()
}
