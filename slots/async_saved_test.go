package slots_test

import (
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

// What somebody else has put where a saved call would be is none.
func TestJoinForged(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "async")
	want(t, "Login", "", w.app.Login(h, ck.CKU_USER, []byte("userpin")), ck.CKR_OK)
	const nobody = "[7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7]"
	for _, value := range []string{
		"", "null", "{", `{"Function":7}`, `{"Function":"C_Sign"}`, `{"Function":"C_Digest"}`,
		`{"Function":"C_GenerateKey","Made":[` + nobody + `]}`,
		`{"Function":"C_GenerateKey","Made":[` + nobody + `,` + nobody + `,` + nobody + `]}`,
	} {
		o, err := w.app.CreateObject(h, ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_PRIVATE, true),
			ck.String(ck.CKA_APPLICATION, "Coffer: asynchronous call"), ck.String(ck.CKA_LABEL, "0000000000000007"),
			ck.String(ck.CKA_VALUE, value),
		})
		want(t, "CreateObject", value, err, ck.CKR_OK)
		for _, function := range []string{"C_GenerateKey", "C_Digest", ""} {
			want(t, "AsyncJoin", value, w.app.AsyncJoin(h, function, 7, some()), ck.CKR_SAVED_STATE_INVALID)
		}
		want(t, "DestroyObject", value, w.app.DestroyObject(h, o), ck.CKR_OK)
	}
}
