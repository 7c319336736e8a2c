package slots_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// A call outlives C_Finalize: the next application joins it by its number.
func TestJoinAfterFinalize(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "async")
	want(t, "Login", "", w.app.Login(h, ck.CKU_USER, []byte("userpin")), ck.CKR_OK)
	tmpl := ck.Template{ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_PRIVATE, true), ck.Ulong[uint64](ck.CKA_VALUE_LEN, 16)}
	want(t, "GenerateKey", "", drop(w.app.GenerateKey(h, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, tmpl)), ck.CKR_PENDING)
	id, err := w.app.AsyncGetID(h, "C_GenerateKey")
	want(t, "AsyncGetID", "", err, ck.CKR_OK)
	want(t, "Finalize", "", w.app.Finalize(), ck.CKR_OK)

	next := slots.New(w.module)
	h = open(t, next, "async")
	want(t, "AsyncJoin", "by the public", next.AsyncJoin(h, "C_GenerateKey", id, nil), ck.CKR_SAVED_STATE_INVALID)
	want(t, "Login", "", next.Login(h, ck.CKU_USER, []byte("userpin")), ck.CKR_OK)
	want(t, "AsyncJoin", "with another number", next.AsyncJoin(h, "C_GenerateKey", id+1, nil), ck.CKR_SAVED_STATE_INVALID)
	want(t, "AsyncJoin", "", next.AsyncJoin(h, "C_GenerateKey", id, nil), ck.CKR_OK)
	r, err := next.AsyncComplete(h, "C_GenerateKey")
	want(t, "AsyncComplete", "", err, ck.CKR_OK)
	if r == nil || drop(next.GetObjectSize(h, r.Object)) != nil || r.Additional != 0 {
		t.Errorf("%+v", r)
	}
}

// forge puts an object where a saved call would be.
func forge(t *testing.T, a *slots.App, h ck.SessionHandle, id uint64, value []byte) ck.ObjectHandle {
	t.Helper()
	o, err := a.CreateObject(h, append(savedAs(id), ck.Bytes(ck.CKA_VALUE, value)))
	want(t, "CreateObject", string(value), err, ck.CKR_OK)
	return o
}

func savedAs(id uint64) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_PRIVATE, true),
		ck.String(ck.CKA_APPLICATION, "Coffer: asynchronous call"), ck.String(ck.CKA_LABEL, fmt.Sprintf("%016x", id)),
	}
}

// What somebody else has put where a saved call would be is none, whatever it says.
func TestJoinForged(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "async")
	want(t, "Login", "", w.app.Login(h, ck.CKU_USER, []byte("userpin")), ck.CKR_OK)
	for _, value := range []string{
		"", "null", "{", `{"Function":7}`, `{"Function":"C_Sign","Code":257}`, `{"Function":"C_GenerateKey"}`,
		`{"Function":"C_GenerateKey","Code":5}`, `{"Function":"C_GenerateKey","Made":[[7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7]]}`,
	} {
		for _, tag := range []string{"", strings.Repeat("\x00", 32)} {
			o := forge(t, w.app, h, 7, []byte(tag+value))
			for _, function := range []string{"C_GenerateKey", "C_Sign", "C_Digest", ""} {
				want(t, "AsyncJoin", value, w.app.AsyncJoin(h, function, 7, some()), ck.CKR_SAVED_STATE_INVALID)
			}
			want(t, "DestroyObject", value, w.app.DestroyObject(h, o), ck.CKR_OK)
		}
	}
}

// A saved call is good under its own number alone, cannot be changed or copied, and is
// not hidden by a forged one beside it. Run on the real partition, whose rules count.
func TestSavedIsSealed(t *testing.T) {
	app := newWorldOn(t, openModule(t))
	h := open(t, app, "async")
	want(t, "Login", "", app.Login(h, ck.CKU_USER, []byte("userpin")), ck.CKR_OK)
	tmpl := ck.Template{ck.Bool(ck.CKA_TOKEN, true), ck.Ulong[uint64](ck.CKA_VALUE_LEN, 16)}
	want(t, "GenerateKey", "", drop(app.GenerateKey(h, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, tmpl)), ck.CKR_PENDING)
	id, err := app.AsyncGetID(h, "C_GenerateKey")
	want(t, "AsyncGetID", "", err, ck.CKR_OK)

	want(t, "FindObjectsInit", "", app.FindObjectsInit(h, savedAs(id)), ck.CKR_OK)
	var found [2]ck.ObjectHandle
	if n, err := app.FindObjects(h, found[:]); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	want(t, "FindObjectsFinal", "", app.FindObjectsFinal(h), ck.CKR_OK)
	value := bytes.Clone(attributeOf(app, h, found[0], ck.CKA_VALUE))
	want(t, "SetAttributeValue", "", app.SetAttributeValue(h, found[0], ck.Template{ck.String(ck.CKA_VALUE, "x")}), ck.CKR_ACTION_PROHIBITED)
	want(t, "CopyObject", "", drop(app.CopyObject(h, found[0], nil)), ck.CKR_ACTION_PROHIBITED)

	forge(t, app, h, id+2, value)
	want(t, "AsyncJoin", "under another number", app.AsyncJoin(h, "C_GenerateKey", id+2, nil), ck.CKR_SAVED_STATE_INVALID)
	changed := bytes.Replace(value, []byte(`"Code":0`), []byte(`"Code":5`), 1)
	if bytes.Equal(changed, value) {
		t.Fatalf("%q", value)
	}
	want(t, "DestroyObject", "", app.DestroyObject(h, found[0]), ck.CKR_OK)
	forge(t, app, h, id, changed)
	want(t, "AsyncJoin", "changed", app.AsyncJoin(h, "C_GenerateKey", id, nil), ck.CKR_SAVED_STATE_INVALID)
	forge(t, app, h, id, value)
	want(t, "AsyncJoin", "put back beside a forged one", app.AsyncJoin(h, "C_GenerateKey", id, nil), ck.CKR_OK)
}
