package partition

import (
	"bytes"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition/oldertest"
)

// TestMovedOnMeanwhile: a PIN's record of version 1 is read by one process while another
// moves it on: the PIN is right for both.
func TestMovedOnMeanwhile(t *testing.T) {
	for place := 1; ; place++ {
		m := &meanwhile{Store: keptStore(t, oldertest.BeforePINKeys), at: -1}
		p, err := Open(m, testRoot(t), Options{KDF: cheap})
		if err != nil {
			t.Fatal(err)
		}
		m.n, m.at, m.do = 0, place, func() {
			other, err := Open(m.Store, testRoot(t), Options{KDF: cheap})
			if err == nil {
				_, err = other.Login(ck.CKU_USER, userPIN)
			}
			if err != nil {
				t.Errorf("place %d: the other: %v", place, err)
			}
		}
		if _, err := p.Login(ck.CKU_USER, userPIN); err != nil {
			t.Errorf("place %d: %v", place, err)
		}
		if m.n < place {
			return
		}
		if a := p.authSeen(metaUser); a.Box == nil || a.Failures+len(a.Pending) != 0 {
			t.Errorf("place %d: %d failures, %d pending", place, a.Failures, len(a.Pending))
		}
	}
}

// A partition of the version before PINs had boxes opens, and each PIN gets its box when
// it is next given. Until all have, a rotation leaves the key that they open.
func TestOlderPINs(t *testing.T) {
	st := keptStore(t, oldertest.BeforePINKeys)
	older := keptStore(t, oldertest.BeforePINKeys)
	p, err := Open(st, testRoot(t), Options{KDF: cheap})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: st, root: testRoot(t), Partition: p}
	_, err = r.Login(ck.CKU_USER, []byte("wrong"))
	expect(t, "a wrong PIN", err, ck.CKR_PIN_INCORRECT)
	if err := r.sync(); err != nil {
		t.Fatal(err)
	}
	if a := r.authOf(t, ""); a.Box != nil || a.Failures != 1 {
		t.Errorf("after it: %d failures, moved on: %t", a.Failures, a.Box != nil)
	}
	user := r.login(ck.CKU_USER, userPIN)
	if found, err := r.Find(user, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)}); err != nil || len(found) != 2 {
		t.Fatalf("its keys: %d, %v", len(found), err)
	}
	before := steal(r.Partition)
	r.rotates(user)
	if got := r.Renewed(); got.PINKey || !slices.Equal(got.Waiting, []string{"the SO", `user "alice"`}) {
		t.Errorf("told of %+v", got)
	}
	if n := r.opens(before, false); n != 2 {
		t.Errorf("the key was to stay, and opens %d records", n)
	}
	if err := r.CheckSO(soPIN); err != nil {
		t.Error(err)
	}
	loginAs(t, r.again(), "alice", alicePIN)
	if err := r.sync(); err != nil {
		t.Fatal(err)
	}
	if got := r.Renewed(); got.PINKey || len(got.Waiting) > 0 {
		t.Errorf("when all were there: %+v", got)
	}
	if reasons, err := (Looks{}).Undone(r.Partition, older, Backed{}); err != nil || len(reasons) > 0 {
		t.Errorf("an older copy would undo %q, %v", reasons, err)
	}
	r.rotates(user)
	if got := r.Renewed(); !got.PINKey {
		t.Errorf("told of %+v", got)
	}
	want := []string{"the key that PINs open, which was rotated since, would be the old one"}
	if reasons, err := (Looks{}).Undone(r.Partition, older, Backed{}); err != nil || !slices.Equal(reasons, want) {
		t.Errorf("then an older copy would undo %q, %v", reasons, err)
	}
	if n := r.opens(before, false); n != 0 {
		t.Errorf("the old key opens %d records", n)
	}
	for name, pin := range map[string][]byte{"": userPIN, "alice": alicePIN} {
		q := r.again()
		if found, err := q.Find(loginAs(t, q, name, pin), nil); err != nil || len(found) < 2 {
			t.Errorf("user %q finds %d, %v", name, len(found), err)
		}
	}
}

// The PIN of a record that was put back from before its key was changed is of no use.
func TestOldRecordPutBack(t *testing.T) {
	st := keptStore(t, oldertest.BeforePINKeys)
	old := bytes.Clone(take(t, st).metas[metaUser])
	p, err := Open(st, testRoot(t), Options{KDF: cheap})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: st, root: testRoot(t), Partition: p}
	so := r.login(ck.CKU_SO, soPIN)
	loginAs(t, p, "alice", alicePIN)
	loginTo(t, p, ck.CKU_USER, userPIN)
	r.rotates(so)
	err = r.update(func(w *writer) error {
		payload, err := w.p.openMeta(metaUser, old)
		if err != nil {
			return err
		}
		return w.putMeta(metaUser, payload)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.again().Login(ck.CKU_USER, userPIN)
	expect(t, "login", err, ck.CKR_DEVICE_ERROR)
}
