package partition

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

func dataObject(label string, token, private bool) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.String(ck.CKA_LABEL, label),
		ck.Bool(ck.CKA_TOKEN, token), ck.Bool(ck.CKA_PRIVATE, private),
	}
}

func aesObject(label string, n int) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
		ck.String(ck.CKA_LABEL, label), ck.Bool(ck.CKA_TOKEN, true), ck.Bytes(ck.CKA_VALUE, bytes.Repeat([]byte{5}, n)),
	}
}

// TestImportObjects: all or none, whatever is wrong with the last one.
func TestImportObjects(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	generation := r.store.Generation

	before := generation()
	ids, err := r.ImportObjects(user, "tests", []ck.Template{dataObject("a", true, false), aesObject("b", 32), dataObject("c", true, true)})
	if err != nil || len(ids) != 3 {
		t.Fatalf("%d objects: %v", len(ids), err)
	}
	if after := generation(); after != before+1 {
		t.Errorf("%d transactions for three objects", after-before)
	}
	for i, id := range ids {
		if !r.again().Exists(api.Caller{}, id) && i == 0 {
			t.Errorf("object %d is not durable", i)
		}
	}

	before = generation()
	_, err = r.ImportObjects(user, "tests", []ck.Template{dataObject("d", true, false), aesObject("e", 32), aesObject("f", 7)})
	if ck.Code(err) != ck.CKR_ATTRIBUTE_VALUE_INVALID {
		t.Errorf("a key of seven bytes: %v", err)
	}
	readOnly := user
	readOnly.ReadWrite = false
	if _, err = r.ImportObjects(readOnly, "tests", []ck.Template{dataObject("d", true, false)}); ck.Code(err) != ck.CKR_SESSION_READ_ONLY {
		t.Errorf("read only: %v", err)
	}
	if _, err = r.ImportObjects(api.Caller{ReadWrite: true}, "tests", []ck.Template{dataObject("d", true, false), dataObject("e", true, true)}); ck.Code(err) != ck.CKR_USER_NOT_LOGGED_IN {
		t.Errorf("nobody: %v", err)
	}
	if ids, err = r.ImportObjects(user, "tests", nil); err != nil || len(ids) != 0 {
		t.Errorf("nothing: %v", err)
	}
	if after := generation(); after != before {
		t.Errorf("refused creations wrote %d times", after-before)
	}
	if found, err := r.Find(user, ck.Template{ck.String(ck.CKA_LABEL, "d")}); err != nil || len(found) != 0 {
		t.Errorf("half of a refused creation is there: %v, %v", found, err)
	}
}
