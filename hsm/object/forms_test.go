package object

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// deferredKey is a request for a session key with a label, as the partition makes it.
func deferredKey(label string, value []byte) *Request {
	return &Request{
		Template: ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
			ck.Bool(ck.CKA_ENCRYPT, true), ck.String(ck.CKA_LABEL, label), ck.Bytes(ck.CKA_VALUE, value),
		},
		Made:     ck.Template{ck.Bytes(ck.CKA_VALUE, value), ck.Ulong(ck.CKA_VALUE_LEN, uint64(len(value)))},
		Deferred: true,
	}
}

// keep makes an object of r and has it kept twice.
func keep(t *testing.T, f *Forms, r *Request) *Object {
	t.Helper()
	o, m, err := New(*r)
	if err != nil {
		t.Fatal(err)
	}
	m.Zero()
	f.Keep(r, o)
	f.Keep(r, o)
	return o
}

func TestFormsMakeWhatNewMakes(t *testing.T) {
	var f Forms
	first := keep(t, &f, deferredKey("mine", bytes.Repeat([]byte{1}, 32)))
	value := bytes.Repeat([]byte{2}, 32)
	o, m := f.New(deferredKey("mine", value))
	if o == nil {
		t.Fatal("the form was not kept")
	}
	defer m.Zero()
	if o.ID() == first.ID() || !bytes.Equal(o.Encode(), first.Encode()) {
		t.Errorf("%x is not %x", o.Encode(), first.Encode())
	}
	if o.usage != first.usage || o.truths != first.truths || !o.OwesCheckValue() {
		t.Error("what is asked on every use differs")
	}
	if name, _, rv := o.Get(ck.CKA_UNIQUE_ID); rv != ck.CKR_OK || !bytes.Equal(name.Value, nameOf(o.ID())) {
		t.Errorf("CKA_UNIQUE_ID is %s", name.Value)
	}
	if got, _ := m.Get(ck.CKA_VALUE); !bytes.Equal(got, value) {
		t.Errorf("the value is %x", got)
	}
}

// Keys that differ in their names, and those alone, are of one form, and the same bytes
// as without it.
func TestFormsWithOtherNames(t *testing.T) {
	var f Forms
	value := bytes.Repeat([]byte{1}, 32)
	request := func(label, id string) *Request {
		r := deferredKey(label, value)
		r.Template = append(ck.Template{ck.Bytes(ck.CKA_ID, []byte(id)), ck.Bool(ck.CKA_SIGN, true)}, r.Template...)
		return r
	}
	first := request("mine", "first")
	kept := keep(t, &f, first)
	before := kept.Encode()
	for _, c := range []struct{ label, id string }{
		{"mine", "first"}, {"thine", "first"}, {"mine", "second"}, {"", ""}, {"a", "b"},
		{string(make([]byte, 300)), "long"}, {"long", string(make([]byte, 20000))}, {"mine", "first"},
	} {
		r := request(c.label, c.id)
		want, m, err := New(*r)
		if err != nil {
			t.Fatal(err)
		}
		m.Zero()
		o, m := f.New(r)
		if o == nil {
			t.Fatalf("%.10q, %.10q: no form", c.label, c.id)
		}
		m.Zero()
		if !bytes.Equal(o.Encode(), want.Encode()) || len(o.packed) != cap(o.packed) && string(o.packed) != string(kept.packed) {
			t.Errorf("%.10q, %.10q: %x, want %x", c.label, c.id, o.Encode(), want.Encode())
		}
		r.Template[0].Value, r.Template[5].Value = []byte("changed"), []byte("changed") // they are the caller's
		if !bytes.Equal(o.Encode(), want.Encode()) {
			t.Error("the object shares its names with the template")
		}
	}
	if !bytes.Equal(kept.Encode(), before) {
		t.Error("the form has changed")
	}
	twice := deferredKey("mine", value)
	twice.Template = append(twice.Template, ck.String(ck.CKA_LABEL, "mine")) // which is allowed
	keep(t, &f, twice)
	twice.Template[5] = ck.String(ck.CKA_LABEL, "thine") // which is not
	if o, _ := f.New(twice); o != nil {
		t.Error("two labels at once")
	}
}

func TestFormsOfOthers(t *testing.T) {
	value := make([]byte, 32)
	for name, change := range map[string]func(*Request){
		"id":            func(r *Request) { r.Template = append(r.Template, ck.Bytes(ck.CKA_ID, []byte{1})) },
		"id, no label":  func(r *Request) { r.Template[3] = ck.Bytes(ck.CKA_ID, []byte("mine")) },
		"two labels":    func(r *Request) { r.Template = append(r.Template, ck.String(ck.CKA_LABEL, "thine")) },
		"length":        func(r *Request) { r.Template[4].Value = value[:16] },
		"use":           func(r *Request) { r.Template[2] = ck.Bool(ck.CKA_ENCRYPT, false) },
		"type":          func(r *Request) { r.Template[2] = ck.Bool(ck.CKA_DECRYPT, true) },
		"more":          func(r *Request) { r.Template = append(r.Template, ck.Bool(ck.CKA_SIGN, true)) },
		"fewer":         func(r *Request) { r.Template = append(r.Template[:2:2], r.Template[3:]...) },
		"two values":    func(r *Request) { r.Template = append(r.Template, ck.Bytes(ck.CKA_VALUE, value[:16])) },
		"no value":      func(r *Request) { r.Template = r.Template[:4] },
		"SO":            func(r *Request) { r.SO = true },
		"not deferred":  func(r *Request) { r.Deferred = false },
		"generated":     func(r *Request) { r.Origin = Generated },
		"nested":        func(r *Request) { r.Template[3] = ck.Attribute{Type: ck.CKA_LABEL, Nested: ck.Template{}} },
		"another order": func(r *Request) { r.Template[0], r.Template[1] = r.Template[1], r.Template[0] },
	} {
		var f Forms
		keep(t, &f, deferredKey("mine", value))
		r := deferredKey("mine", value)
		change(r)
		if o, m := f.New(r); o != nil {
			m.Zero()
			t.Errorf("%s: made of the form of another", name)
		}
	}
}

// What comes once is not kept, nor what is large; and no form has a secret in it.
func TestFormsKeepLittle(t *testing.T) {
	var f Forms
	value := bytes.Repeat([]byte{0xa7}, 32)
	r := deferredKey("mine", value)
	o, m, err := New(*r)
	if err != nil {
		t.Fatal(err)
	}
	m.Zero()
	f.Keep(r, o)
	if made, _ := f.New(r); made != nil {
		t.Error("kept at once")
	}
	f.Keep(r, o)
	_, hash, _ := hashOf(r)
	for _, a := range f.place(hash).form.Load().given {
		if bytes.Contains(a.Value, value) {
			t.Error("the form has the key")
		}
	}
	f.Clear()
	if made, _ := f.New(r); made != nil {
		t.Error("there after Clear")
	}
	large := deferredKey(string(make([]byte, largestForm)), value)
	keep(t, &f, large)
	if made, _ := f.New(large); made != nil {
		t.Error("a large template was kept")
	}
}
