package main

import (
	"bytes"
	"reflect"
	"testing"
	"unsafe"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// attr makes a CK_ATTRIBUTE whose value is v; nil is NULL.
func attr(t ck.AttributeType, v []byte) cAttribute {
	a := cAttribute{_type: cUlong(t), ulValueLen: cUlong(len(v))}
	if v != nil {
		a.pValue = pointer(unsafe.SliceData(v))
	}
	return a
}

// nest makes a CK_ATTRIBUTE whose value is a template.
func nest(t ck.AttributeType, list []cAttribute) cAttribute {
	return cAttribute{
		_type:      cUlong(t),
		pValue:     pointer(unsafe.SliceData(list)),
		ulValueLen: cUlong(len(list)) * attributeSize,
	}
}

func TestTemplate(t *testing.T) {
	label, mechs := []byte("key"), ck.AppendUlong(nil, uint64(ck.CKM_AES_GCM))
	inner := []cAttribute{attr(ck.CKA_SIGN, []byte{1}), attr(ck.CKA_ID, nil)}
	list := []cAttribute{
		attr(ck.CKA_LABEL, label),
		attr(ck.CKA_ID, []byte{}),
		attr(ck.CKA_APPLICATION, nil),
		attr(ck.CKA_ALLOWED_MECHANISMS, mechs),
		nest(ck.CKA_UNWRAP_TEMPLATE, inner),
		nest(ck.CKA_WRAP_TEMPLATE, nil),
	}
	got, err := template(&list[0], cUlong(len(list)))
	if err != nil {
		t.Fatal(err)
	}
	clear(label) // as a caller may
	clear(mechs)
	clear(inner)
	want := ck.Template{
		ck.String(ck.CKA_LABEL, "key"),
		ck.Bytes(ck.CKA_ID, []byte{}),
		ck.Bytes(ck.CKA_APPLICATION, []byte{}),
		ck.Ulong(ck.CKA_ALLOWED_MECHANISMS, ck.CKM_AES_GCM),
		{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: []ck.Attribute{ck.Bool(ck.CKA_SIGN, true), ck.Bytes(ck.CKA_ID, []byte{})}},
		{Type: ck.CKA_WRAP_TEMPLATE, Nested: []ck.Attribute{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestTemplateRefuses(t *testing.T) {
	one := []byte{1}
	wild := func(n cUlong) cAttribute { a := attr(ck.CKA_LABEL, one); a.ulValueLen = n; return a }
	odd := nest(ck.CKA_DERIVE_TEMPLATE, []cAttribute{attr(ck.CKA_SIGN, one), attr(ck.CKA_SIGN, one)})
	odd.ulValueLen--
	null := attr(ck.CKA_LABEL, nil)
	null.ulValueLen = 1
	for name, a := range map[string]cAttribute{
		"unavailable":                  wild(unavailable),
		"a negative int":               wild(1 << 63),
		"more than is copied":          wild(maxCopy + 1),
		"NULL with a length":           null,
		"half a nested attribute":      odd,
		"NULL inside a nested one":     nest(ck.CKA_WRAP_TEMPLATE, []cAttribute{null}),
		"a length inside a nested one": nest(ck.CKA_ENCAPSULATE_TEMPLATE, []cAttribute{wild(unavailable)}),
	} {
		if _, err := template(&a, 1); err != ck.CKR_ATTRIBUTE_VALUE_INVALID {
			t.Errorf("%s: %v", name, err)
		}
	}
	a := wild(1)
	for _, c := range []struct {
		p *cAttribute
		n cUlong
	}{{nil, 1}, {&a, maxAttributes + 1}, {&a, unavailable}} {
		if _, err := template(c.p, c.n); err != ck.CKR_ARGUMENTS_BAD {
			t.Errorf("count %d: %v", c.n, err)
		}
	}
	if got, err := template(nil, 0); err != nil || len(got) != 0 {
		t.Errorf("NULL and none: %v, %v", got, err)
	}
}

// A template may point to itself, or to one value a thousand times.
func TestTemplateBudget(t *testing.T) {
	loop := make([]cAttribute, 2)
	loop[0], loop[1] = nest(ck.CKA_WRAP_TEMPLATE, loop), nest(ck.CKA_UNWRAP_TEMPLATE, loop)
	if _, err := template(&loop[0], 2); err != ck.CKR_ATTRIBUTE_VALUE_INVALID {
		t.Errorf("a template in itself: %v", err)
	}
	big := make([]byte, maxCopy/4)
	many := []cAttribute{attr(1, big), attr(2, big), attr(3, big), attr(4, big), attr(5, big)}
	if _, err := template(&many[0], 4); err != nil {
		t.Errorf("just fits: %v", err)
	}
	if _, err := template(&many[0], 5); err != ck.CKR_ATTRIBUTE_VALUE_INVALID {
		t.Errorf("too much altogether: %v", err)
	}
	deep := []cAttribute{attr(ck.CKA_SIGN, []byte{1})}
	for range maxNesting - 1 {
		deep = []cAttribute{nest(ck.CKA_WRAP_TEMPLATE, deep)}
	}
	if _, err := template(&deep[0], 1); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
	deep = []cAttribute{nest(ck.CKA_WRAP_TEMPLATE, deep)}
	if _, err := template(&deep[0], 1); err != ck.CKR_ATTRIBUTE_VALUE_INVALID {
		t.Errorf("deeper: %v", err)
	}
}

// Who gives a key and then what cannot be read leaves no copy of the key.
func TestTemplateRefusedIsWiped(t *testing.T) {
	null := cAttribute{_type: cUlong(ck.CKA_ID), ulValueLen: 1}
	for _, size := range []int{32, 2 << 10} { // with room made for it, and without
		key := bytes.Repeat([]byte{0xa7}, size)
		list := []cAttribute{attr(ck.CKA_VALUE, key), null}
		var r templateReader
		got, err := r.whole(&list[0], 2)
		if err != ck.CKR_ATTRIBUTE_VALUE_INVALID || len(got) != 2 || len(got[0].Value) != size {
			t.Fatalf("%d bytes: %v, %v", size, got, err)
		}
		if len(bytes.Trim(got[0].Value, "\x00")) > 0 {
			t.Errorf("%d bytes are left", size)
		}
		if key[0] == 0 {
			t.Error("the caller's is wiped")
		}
	}
}

func TestTemplateCopies(t *testing.T) {
	v := []byte{1, 2, 3}
	a := attr(ck.CKA_VALUE, v)
	got, err := template(&a, 1)
	if err != nil || &got[0].Value[0] == &v[0] || !bytes.Equal(got[0].Value, v) {
		t.Errorf("%v, %v", got, err)
	}
}
