package partition

import (
	"bytes"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store"
)

func rootOf(t testing.TB, b byte) *seal.Root {
	t.Helper()
	root, err := seal.NewRoot(secret.From(bytes.Repeat([]byte{b}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestRoots moves a partition from one root key to another, while a process that had
// it open goes on.
func TestRoots(t *testing.T) {
	r := newRig(t)
	other := r.again()
	user := loginTo(t, other, ck.CKU_USER, userPIN)
	key := r.generate(r.login(ck.CKU_USER, userPIN), true, "k")
	next := rootOf(t, 8)
	opens := func(root *seal.Root, want ck.RV) {
		t.Helper()
		_, err := Open(r.store, root, Options{KDF: cheap})
		expect(t, "Open", err, want)
	}
	opens(next, ck.CKR_TOKEN_NOT_RECOGNIZED)
	expect(t, "to keep a root key that it has not", r.KeepRoot(next), ck.CKR_TOKEN_NOT_RECOGNIZED)
	for range 2 {
		if err := r.AddRoot(next); err != nil {
			t.Fatal(err)
		}
		opens(r.root, ck.CKR_OK)
		opens(next, ck.CKR_OK)
		if n := len(r.Roots()); n != 2 {
			t.Errorf("it is under %d root keys", n)
		}
	}
	for range 2 {
		if err := r.KeepRoot(next); err != nil {
			t.Fatal(err)
		}
		opens(r.root, ck.CKR_TOKEN_NOT_RECOGNIZED)
		opens(next, ck.CKR_OK)
	}
	if _, err := encrypt(other, user, key); err != nil {
		t.Errorf("a process that had it open: %v", err)
	}
	if err := other.SetAttributes(user, key, ck.Template{ck.String(ck.CKA_LABEL, "l")}); err != nil {
		t.Errorf("a process that had it open: %v", err)
	}
	if err := r.Initialise(soPIN, "anew"); err != nil {
		t.Fatal(err)
	}
	opens(next, ck.CKR_OK)
}

// A program that knows of no wrapped roots sees a format that is too new for it, and
// one that says otherwise is not believed.
func TestWrappedRootVersion(t *testing.T) {
	r := newRig(t)
	err := r.store.Update(func(tx store.Tx) error {
		value, _ := tx.Meta(metaPartition)
		if value[0] != latestVersion {
			t.Errorf("version %d", value[0])
		}
		value = bytes.Clone(value)
		value[0] = metaVersion
		return tx.PutMeta(metaPartition, value)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(r.store, r.root, Options{})
	expect(t, "Open", err, ck.CKR_TOKEN_NOT_RECOGNIZED)
}
