package abitest

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// ask is an array of CK_ATTRIBUTE for C_GetAttributeValue; a negative space is NULL.
func (k *token) ask(questions ...question) Words {
	w := k.Ulongs(make([]uintptr, 3*len(questions))...)
	for i, q := range questions {
		w.Set(3*i, uintptr(q.t))
		if q.space >= 0 {
			b := k.Bytes(q.space, 0xEE)
			w.Set(3*i+1, Address(b))
			w.Set(3*i+2, uintptr(q.space))
		}
	}
	return w
}

type question struct {
	t     ck.AttributeType
	space int
}

func TestGetAttributeValue(t *testing.T) {
	k := open(t)
	aes := k.aesKey()
	secret := k.create(
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bytes(ck.CKA_VALUE, make([]byte, 16)),
		ck.Bool(ck.CKA_SENSITIVE, true),
	)
	const none = ck.Unavailable
	for _, c := range []struct {
		name      string
		object    uintptr
		questions []question
		lengths   []uint64
		rv        ck.RV
	}{
		{"lengths", aes, []question{{ck.CKA_LABEL, -1}, {ck.CKA_VALUE, -1}, {ck.CKA_CLASS, -1}, {ck.CKA_ID, -1}}, []uint64{3, 16, 8, 0}, ck.CKR_OK},
		{"exact", aes, []question{{ck.CKA_LABEL, 3}, {ck.CKA_VALUE, 16}, {ck.CKA_ID, 0}}, []uint64{3, 16, 0}, ck.CKR_OK},
		{"larger", aes, []question{{ck.CKA_LABEL, 30}, {ck.CKA_VALUE, 17}}, []uint64{3, 16}, ck.CKR_OK},
		{"one short", aes, []question{{ck.CKA_LABEL, 2}, {ck.CKA_VALUE, 16}}, []uint64{none, 16}, ck.CKR_BUFFER_TOO_SMALL},
		{"sensitive", secret, []question{{ck.CKA_VALUE, 16}, {ck.CKA_CLASS, 8}}, []uint64{none, 8}, ck.CKR_ATTRIBUTE_SENSITIVE},
		{"sensitive, its length", secret, []question{{ck.CKA_VALUE, -1}, {ck.CKA_VALUE_LEN, 8}}, []uint64{none, 8}, ck.CKR_ATTRIBUTE_SENSITIVE},
		{"not of this class", aes, []question{{ck.CKA_CLASS, 8}, {ck.CKA_MODULUS, 8}}, []uint64{8, none}, ck.CKR_ATTRIBUTE_TYPE_INVALID},
		{"unknown", aes, []question{{0x7fffffff, -1}, {ck.CKA_CLASS, -1}}, []uint64{none, 8}, ck.CKR_ATTRIBUTE_TYPE_INVALID},
		{"nothing", aes, nil, nil, ck.CKR_OK},
	} {
		w := k.ask(c.questions...)
		if rv := k.call("C_GetAttributeValue", k.h, c.object, Address(w), uintptr(len(c.questions))); rv != c.rv {
			t.Errorf("%s: %v, want %v", c.name, rv, c.rv)
		}
		for i, want := range c.lengths {
			if got := w.At(3*i + 2); got != want {
				t.Errorf("%s: length %d of %v, want %d", c.name, int64(got), c.questions[i].t, int64(want))
			}
		}
	}
}

func TestNestedTemplate(t *testing.T) {
	k := open(t)
	key := k.create(
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES), ck.Bytes(ck.CKA_VALUE, make([]byte, 16)),
		ck.Bool(ck.CKA_UNWRAP, true),
		ck.Attribute{Type: ck.CKA_UNWRAP_TEMPLATE, Nested: []ck.Attribute{ck.Bool(ck.CKA_SIGN, true), ck.String(ck.CKA_LABEL, "inner")}},
	)
	outer := k.ask(question{ck.CKA_UNWRAP_TEMPLATE, -1})
	k.ok("C_GetAttributeValue", k.h, key, Address(outer), 1)
	if outer.At(2) != 48 {
		t.Fatalf("length %d", outer.At(2))
	}
	inner := k.Ulongs(0, 0, 0, 0, 0, 0)
	outer.Set(1, Address(inner))
	k.ok("C_GetAttributeValue", k.h, key, Address(outer), 1)
	at := map[uint64]int{inner.At(0): 0, inner.At(3): 3} // in whatever order
	label, sign := at[uint64(ck.CKA_LABEL)], at[uint64(ck.CKA_SIGN)]
	if label == sign || inner.At(label+2) != 5 || inner.At(sign+2) != 1 {
		t.Fatalf("inner types and lengths: %x", []byte(inner))
	}

	text, yes := k.Bytes(5, 0), k.Bytes(1, 0)
	inner.Set(label+1, Address(text))
	inner.Set(sign+1, Address(yes))
	k.ok("C_GetAttributeValue", k.h, key, Address(outer), 1)
	if string(text) != "inner" || yes[0] != 1 {
		t.Errorf("label %q, sign %x", text, yes)
	}
	inner.Set(label+2, 4)
	k.want(ck.CKR_BUFFER_TOO_SMALL, "C_GetAttributeValue", k.h, key, Address(outer), 1)
	if inner.At(label+2) != ck.Unavailable {
		t.Errorf("inner length %d", inner.At(label+2))
	}
}

func TestTemplateCounts(t *testing.T) {
	k := open(t)
	key := k.aesKey()
	one, _ := k.template(ck.String(ck.CKA_LABEL, "x"))
	h := Address(k.Ulongs(0, 0))
	gen := k.mechanism(ck.CKM_AES_KEY_GEN, nil)
	for _, count := range []uintptr{1 << 17, 1 << 32, 1 << 60, 1 << 63, uintptr(ck.CK_UNAVAILABLE_INFORMATION)} {
		for name, args := range map[string][]uintptr{
			"C_CreateObject":      {k.h, one, count, h},
			"C_CopyObject":        {k.h, key, one, count, h},
			"C_GetAttributeValue": {k.h, key, one, count},
			"C_SetAttributeValue": {k.h, key, one, count},
			"C_FindObjectsInit":   {k.h, one, count},
			"C_GenerateKey":       {k.h, gen, one, count, h},
		} {
			if rv := k.call(name, args...); rv != ck.CKR_ARGUMENTS_BAD {
				t.Errorf("%s of %#x attributes: %v", name, count, rv)
			}
		}
		value := k.Ulongs(uintptr(ck.CKA_LABEL), Address(k.Bytes(1, 0)), count)
		if rv := k.call("C_FindObjectsInit", k.h, Address(value), 1); count > 1<<24 && rv != ck.CKR_ATTRIBUTE_VALUE_INVALID {
			t.Errorf("a value of %#x bytes: %v", count, rv)
		} else if count <= 1<<24 && rv != ck.CKR_GENERAL_ERROR {
			t.Errorf("a value of %#x bytes, of which one exists: %v", count, rv)
		}
		value.Set(1, 0)
		k.want(ck.CKR_ATTRIBUTE_VALUE_INVALID, "C_FindObjectsInit", k.h, Address(value), 1)
	}
	k.ok("C_FindObjectsInit", k.h, 0, 0)
	found, n := k.Ulongs(0, 0), k.Ulongs(9)
	k.ok("C_FindObjects", k.h, Address(found), 1, Address(n))
	if n.At(0) != 1 || found.At(0) == 0 || found.At(1) != 0 {
		t.Errorf("found %d: %x", n.At(0), []byte(found))
	}
	k.ok("C_FindObjectsFinal", k.h)
}
