package main

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func found(a ck.Attribute) api.AttributeResult { return api.AttributeResult{Attribute: a} }

func refused(t ck.AttributeType, rv ck.RV) api.AttributeResult {
	return api.AttributeResult{Attribute: ck.Attribute{Type: t}, RV: rv}
}

// TestWriteAttributes goes through the five rules of section 5.7.5.
func TestWriteAttributes(t *testing.T) {
	label := ck.String(ck.CKA_LABEL, "key")
	for _, c := range []struct {
		name  string
		space int // the caller's buffer; negative for NULL
		found api.AttributeResult
		len   cUlong
		rv    ck.RV
	}{
		{"1 sensitive", 8, refused(ck.CKA_VALUE, ck.CKR_ATTRIBUTE_SENSITIVE), unavailable, ck.CKR_ATTRIBUTE_SENSITIVE},
		{"1 sensitive, only asked for the length", -1, refused(ck.CKA_VALUE, ck.CKR_ATTRIBUTE_SENSITIVE), unavailable, ck.CKR_ATTRIBUTE_SENSITIVE},
		{"2 invalid", 8, refused(ck.CKA_LABEL, ck.CKR_ATTRIBUTE_TYPE_INVALID), unavailable, ck.CKR_ATTRIBUTE_TYPE_INVALID},
		{"3 length", -1, found(label), 3, ck.CKR_OK},
		{"3 length of a secret", -1, api.AttributeResult{Attribute: ck.Attribute{Type: ck.CKA_VALUE}, Length: 32}, 32, ck.CKR_OK},
		{"4 exact", 3, found(label), 3, ck.CKR_OK},
		{"4 larger", 9, found(label), 3, ck.CKR_OK},
		{"4 empty value", 0, found(ck.Bytes(ck.CKA_ID, nil)), 0, ck.CKR_OK},
		{"5 one short", 2, found(label), unavailable, ck.CKR_BUFFER_TOO_SMALL},
		{"5 no space", 0, found(label), unavailable, ck.CKR_BUFFER_TOO_SMALL},
	} {
		buf := bytes.Repeat([]byte{0xEE}, 16)
		var a cAttribute
		if c.space >= 0 {
			a = attr(c.found.Type, buf[:c.space])
		} else {
			a = attr(c.found.Type, nil)
			a.ulValueLen = 77 // means nothing without a pValue
		}
		list := []cAttribute{a}
		rv := writeAttributes(list, []api.AttributeResult{c.found})
		if rv != c.rv || list[0].ulValueLen != c.len {
			t.Errorf("%s: %v, length %d", c.name, rv, list[0].ulValueLen)
		}
		wrote := 0
		if c.rv == ck.CKR_OK && c.space >= 0 {
			wrote = len(c.found.Value)
		}
		if !bytes.Equal(buf[:wrote], c.found.Value[:wrote]) || !bytes.Equal(buf[wrote:], bytes.Repeat([]byte{0xEE}, 16-wrote)) {
			t.Errorf("%s: buffer %x", c.name, buf)
		}
	}
}

// A buffer whose length an earlier call made CK_UNAVAILABLE_INFORMATION has no
// length any more.
func TestWriteAttributeUnavailableSpace(t *testing.T) {
	a := attr(ck.CKA_LABEL, make([]byte, 2))
	a.ulValueLen = unavailable
	value := ck.String(ck.CKA_LABEL, "longer than two")
	if rv := writeAttribute(&a, &value); rv != ck.CKR_BUFFER_TOO_SMALL {
		t.Errorf("%v", rv)
	}
}

func TestWriteAttributesGoesOn(t *testing.T) {
	id := make([]byte, 2)
	list := []cAttribute{attr(ck.CKA_LABEL, []byte{0}), attr(ck.CKA_VALUE, nil), attr(ck.CKA_ID, id)}
	rv := writeAttributes(list, []api.AttributeResult{
		found(ck.String(ck.CKA_LABEL, "long")),
		refused(ck.CKA_VALUE, ck.CKR_ATTRIBUTE_SENSITIVE),
		found(ck.Bytes(ck.CKA_ID, []byte{5, 6})),
	})
	if rv != ck.CKR_BUFFER_TOO_SMALL || list[2].ulValueLen != 2 || !bytes.Equal(id, []byte{5, 6}) {
		t.Errorf("%v, id %x of %d", rv, id, list[2].ulValueLen)
	}
}

func TestWriteNested(t *testing.T) {
	value := found(ck.Attribute{Type: ck.CKA_WRAP_TEMPLATE, Nested: []ck.Attribute{
		ck.Bool(ck.CKA_SIGN, true), ck.String(ck.CKA_LABEL, "inner"),
	}})
	want := 2 * attributeSize

	outer := []cAttribute{attr(ck.CKA_WRAP_TEMPLATE, nil)}
	if rv := writeAttributes(outer, []api.AttributeResult{value}); rv != ck.CKR_OK || outer[0].ulValueLen != want {
		t.Fatalf("length: %v, %d", rv, outer[0].ulValueLen)
	}

	inner := make([]cAttribute, 2)
	outer[0] = nest(ck.CKA_WRAP_TEMPLATE, inner)
	if rv := writeAttributes(outer, []api.AttributeResult{value}); rv != ck.CKR_OK ||
		inner[0]._type != cUlong(ck.CKA_SIGN) || inner[0].ulValueLen != 1 || inner[1].ulValueLen != 5 {
		t.Fatalf("inner lengths: %v, %v", rv, inner)
	}

	sign, label := make([]byte, 1), make([]byte, 5)
	inner[0], inner[1] = attr(0, sign), attr(0, label)
	if rv := writeAttributes(outer, []api.AttributeResult{value}); rv != ck.CKR_OK || sign[0] != 1 || string(label) != "inner" {
		t.Errorf("values: %v, %x, %q", rv, sign, label)
	}

	inner[1] = attr(0, label[:4])
	if rv := writeAttributes(outer, []api.AttributeResult{value}); rv != ck.CKR_BUFFER_TOO_SMALL || inner[1].ulValueLen != unavailable {
		t.Errorf("inner one short: %v, %d", rv, inner[1].ulValueLen)
	}

	outer[0].ulValueLen = want - 1
	if rv := writeAttributes(outer, []api.AttributeResult{value}); rv != ck.CKR_BUFFER_TOO_SMALL || outer[0].ulValueLen != unavailable {
		t.Errorf("outer one short: %v, %d", rv, outer[0].ulValueLen)
	}
}
