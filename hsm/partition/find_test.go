package partition

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// A template that asks for a secret value many times does not make as many copies of it.
func TestAttributesCopiesOnce(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	value := bytes.Repeat([]byte{7}, 8000)
	id, err := r.CreateObject(who, ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
		ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true), ck.Bytes(ck.CKA_VALUE, value),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := make([]api.AttributeResult, 1000)
	for i := range want {
		want[i].Type = ck.CKA_VALUE
	}
	if err := r.Attributes(who, id, want); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if want[i].RV != ck.CKR_OK || !bytes.Equal(want[i].Value, value) {
			t.Fatalf("answer %d: %v, %d bytes", i, want[i].RV, len(want[i].Value))
		}
		if &want[i].Value[0] != &want[0].Value[0] {
			t.Fatalf("answer %d is another copy", i)
		}
	}
	want = []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_VALUE}, Measure: true}}
	if err := r.Attributes(who, id, want); err != nil {
		t.Fatal(err)
	}
	if want[0].RV != ck.CKR_OK || want[0].Value != nil || want[0].Length != len(value) {
		t.Errorf("the length alone: %v, %d, and %d bytes copied", want[0].RV, want[0].Length, len(want[0].Value))
	}
}
