package partition

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

// checkValueOf reads CKA_CHECK_VALUE.
func (r *rig) checkValueOf(who api.Caller, id api.ObjectID) []byte {
	r.t.Helper()
	want := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_CHECK_VALUE}}}
	if err := r.Attributes(who, id, want); err != nil || want[0].RV != ck.CKR_OK {
		r.t.Fatal(err, want[0].RV)
	}
	return want[0].Value
}

func (r *rig) create(who api.Caller, tmpl ck.Template) api.ObjectID {
	r.t.Helper()
	id, err := r.CreateObject(who, tmpl)
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// checked are keys with their check values: the hash key of test case 1 in the GCM
// specification, and SHA-1 of "abc" in FIPS 180.
var checked = []struct {
	name  string
	kt    ck.KeyType
	value []byte
	want  string
}{
	{"AES", ck.CKK_AES, make([]byte, 16), "66e94b"},
	{"generic", ck.CKK_GENERIC_SECRET, []byte("abc"), "a9993e"},
}

// A session key has a check value whenever somebody asks, though it is computed only then;
// the third and fourth keys of a template are made of its form.
func TestCheckValueOnDemand(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	for _, c := range checked {
		tmpl := ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, c.kt),
			ck.Bytes(ck.CKA_VALUE, c.value), ck.String(ck.CKA_LABEL, c.name),
		}
		want, _ := hex.DecodeString(c.want)
		given := r.create(who, append(slices.Clone(tmpl), ck.Bytes(ck.CKA_CHECK_VALUE, want)))
		for round := range 4 {
			id := r.create(who, tmpl)
			if !r.held(id).object.OwesCheckValue() {
				t.Errorf("%s, %d: the check value was computed at once", c.name, round)
			}
			r.asked(who, id, given, want)
			if r.held(id).key.Load() != nil {
				t.Errorf("%s, %d: asking has made a key, which is not wiped at once", c.name, round)
			}
			r.carried(who, id, want)
		}
		wrong := append(slices.Clone(tmpl), ck.Bytes(ck.CKA_CHECK_VALUE, []byte{1, 2, 3}))
		if _, err := r.CreateObject(who, wrong); ck.Code(err) != ck.CKR_ATTRIBUTE_VALUE_INVALID {
			t.Errorf("%s: a wrong check value: %v", c.name, err)
		}
	}
}

// A key that has been used has its check value as well, and the use has not computed it.
func TestCheckValueOfUsedKey(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	for _, c := range checked {
		want, _ := hex.DecodeString(c.want)
		tmpl := ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, c.kt),
			ck.Bytes(ck.CKA_VALUE, c.value), ck.Bool(ck.CKA_SIGN, true), ck.Bool(ck.CKA_EXTRACTABLE, true),
		}
		given := r.create(who, append(slices.Clone(tmpl), ck.Bytes(ck.CKA_CHECK_VALUE, want)))
		id := r.create(who, tmpl)
		mechanism := ck.Mechanism{Type: ck.CKM_AES_CMAC}
		if c.kt != ck.CKK_AES {
			mechanism.Type = ck.CKM_SHA256_HMAC
		}
		op, err := r.Sign(who, &mechanism, id)
		if err != nil {
			t.Fatal(c.name, err)
		}
		op.Close()
		if k := r.held(id).key.Load(); k == nil || !k.OwesCheckValue() {
			t.Errorf("%s: the use of the key has computed its check value", c.name)
		}
		r.asked(who, id, given, want)
		r.carried(who, id, want)
	}
}

// asked holds a key against one whose check value was given.
func (r *rig) asked(who api.Caller, id, given api.ObjectID, want []byte) {
	r.t.Helper()
	if got := r.checkValueOf(who, id); !bytes.Equal(got, want) {
		r.t.Errorf("the check value is %x, not %x", got, want)
	}
	found, err := r.Find(who, ck.Template{ck.Bytes(ck.CKA_CHECK_VALUE, want)})
	if err != nil || !slices.Contains(found, id) || !slices.Contains(found, given) {
		r.t.Errorf("found %x, %v", found, err)
	}
	for _, other := range [][]byte{{}, {1, 2, 3}, want[:2]} {
		if found, _ := r.Find(who, ck.Template{ck.Bytes(ck.CKA_CHECK_VALUE, other)}); slices.Contains(found, id) {
			r.t.Errorf("found by the check value %x", other)
		}
	}
	a, _ := r.ObjectSize(who, id)
	if b, _ := r.ObjectSize(who, given); a != b {
		r.t.Errorf("the sizes are %d and %d", a, b)
	}
}

// carried follows the check value into a change and a copy.
func (r *rig) carried(who api.Caller, id api.ObjectID, want []byte) {
	r.t.Helper()
	if err := r.SetAttributes(who, id, ck.Template{ck.String(ck.CKA_ID, "x")}); err != nil {
		r.t.Fatal(err)
	}
	for _, token := range []bool{false, true} {
		twin, err := r.CopyObject(who, id, ck.Template{ck.Bool(ck.CKA_TOKEN, token)})
		if err != nil {
			r.t.Fatal(err)
		}
		if got := r.checkValueOf(who, twin); !bytes.Equal(got, want) {
			r.t.Errorf("of a copy, token %v: %x", token, got)
		}
		if err := r.DestroyObject(who, twin); err != nil {
			r.t.Fatal(err)
		}
	}
	if got := r.checkValueOf(who, id); !bytes.Equal(got, want) {
		r.t.Errorf("after a change: %x", got)
	}
	if err := r.DestroyObject(who, id); err != nil {
		r.t.Fatal(err)
	}
}

// A CKA_WRAP_TEMPLATE may name a check value.
func TestWrapTemplateWithCheckValue(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	for _, c := range []struct {
		check []byte
		want  ck.RV
	}{
		{[]byte{0x66, 0xe9, 0x4b}, ck.CKR_OK},
		{[]byte{1, 2, 3}, ck.CKR_KEY_HANDLE_INVALID},
	} {
		wrapping, err := r.GenerateKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, ck.Template{
			ck.Ulong[uint64](ck.CKA_VALUE_LEN, 32), ck.Bool(ck.CKA_WRAP, true),
			{Type: ck.CKA_WRAP_TEMPLATE, Nested: ck.Template{ck.Bytes(ck.CKA_CHECK_VALUE, c.check)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		key := r.create(who, ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
			ck.Bytes(ck.CKA_VALUE, make([]byte, 16)), ck.Bool(ck.CKA_EXTRACTABLE, true),
		})
		_, err = r.WrapKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_WRAP_KWP}, wrapping, key, make([]byte, 64))
		if ck.Code(err) != c.want {
			t.Errorf("%x: %v", c.check, err)
		}
	}
}

// What a logout closes leaves no form behind.
func TestLogoutClearsForms(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	for range 3 {
		r.create(who, sessionKey("mine"))
	}
	kept := func() bool {
		o, m := r.forms.New(&object.Request{Template: sessionKey("mine"), Deferred: true})
		m.Zero()
		return o != nil
	}
	if !kept() {
		t.Fatal("there is no form to forget")
	}
	if err := r.Logout(who.Identity); err != nil {
		t.Fatal(err)
	}
	if kept() {
		t.Error("a form was left")
	}
}
