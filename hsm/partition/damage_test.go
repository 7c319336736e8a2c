package partition

import (
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// snapshot copies everything a store holds, to put parts of it back later.
type snapshot struct {
	records map[store.ID][]byte
	metas   map[string][]byte
}

func take(t *testing.T, st store.Store) snapshot {
	t.Helper()
	s := snapshot{map[store.ID][]byte{}, map[string][]byte{}}
	err := st.View(func(tx store.Tx) error {
		for id, b := range tx.All() {
			s.records[id] = slices.Clone(b)
		}
		for name, v := range tx.Metas() {
			s.metas[name] = slices.Clone(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTampering does to the store what somebody with write access to the disk
// could do, and opens the partition.
func TestTampering(t *testing.T) {
	for name, tamper := range map[string]func(tx store.Tx, before, after snapshot){
		"a record removed": func(tx store.Tx, before, after snapshot) {
			for id := range after.records {
				tx.Delete(id)
				return
			}
		},
		"a record flipped": func(tx store.Tx, before, after snapshot) {
			for id, b := range after.records {
				b[len(b)-1] ^= 1
				tx.Put(id, b)
				return
			}
		},
		"a record put back": func(tx store.Tx, before, after snapshot) {
			for id, b := range before.records {
				tx.Put(id, b)
			}
		},
		"records exchanged": func(tx store.Tx, before, after snapshot) {
			var ids []store.ID
			for id := range after.records {
				ids = append(ids, id)
			}
			tx.Put(ids[0], after.records[ids[1]])
			tx.Put(ids[1], after.records[ids[0]])
		},
		"failures wound back": func(tx store.Tx, before, after snapshot) {
			tx.PutMeta(metaUser, before.metas[metaUser])
		},
		"an old state": func(tx store.Tx, before, after snapshot) {
			tx.PutMeta(metaState, before.metas[metaState])
		},
		"the SO's PIN as the user's": func(tx store.Tx, before, after snapshot) {
			tx.PutMeta(metaUser, after.metas[metaSO])
		},
		"the PIN policy removed": func(tx store.Tx, before, after snapshot) {
			tx.DeleteMeta(metaPINPolicy)
		},
		"the user removed": func(tx store.Tx, before, after snapshot) {
			tx.DeleteMeta(metaUser)
		},
		"a user made up": func(tx store.Tx, before, after snapshot) {
			tx.PutMeta(metaUser+":00", after.metas[metaUser])
		},
		"a label flipped": func(tx store.Tx, before, after snapshot) {
			v := after.metas[metaPartition]
			i := slices.Index(v, 't') // in "test", or in a key: either way it must show
			v[i] ^= 1
			tx.PutMeta(metaPartition, v)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			user := r.login(ck.CKU_USER, userPIN)
			a := r.generate(user, true, "a")
			r.generate(user, true, "b")
			before := take(t, r.store)
			if err := r.SetAttributes(user, a, ck.Template{ck.String(ck.CKA_LABEL, "c")}); err != nil {
				t.Fatal(err)
			}
			r.Login(ck.CKU_USER, []byte("wrong"))
			after := take(t, r.store)
			err := r.store.Update(func(tx store.Tx) error { tamper(tx, before, after); return nil })
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(r.store, r.root, Options{}); err == nil {
				t.Fatal("opened")
			} else if rv := ck.Code(err); rv != ck.CKR_DEVICE_ERROR && rv != ck.CKR_TOKEN_NOT_RECOGNIZED {
				t.Errorf("the error is %v", err)
			}
			if _, err := r.Find(user, nil); err == nil {
				t.Error("a process that had it open goes on as if nothing were wrong")
			}
		})
	}
}

func TestAnotherRootKey(t *testing.T) {
	r := newRig(t)
	other, err := seal.NewRoot(secret.From(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(r.store, other, Options{})
	expect(t, "Open", err, ck.CKR_TOKEN_NOT_RECOGNIZED)
}

func TestEmptyStore(t *testing.T) {
	_, err := Open(store.NewMemory(), testRoot(t), Options{})
	expect(t, "Open", err, ck.CKR_DEVICE_ERROR)
}

func TestBroken(t *testing.T) {
	p := Broken("slot 1", ck.Errorf(ck.CKR_DEVICE_ERROR, "why"))
	if p.Info().Flags&ck.CKF_ERROR_STATE == 0 {
		t.Error("CKF_ERROR_STATE is not set")
	}
	_, err := p.Login(ck.CKU_USER, userPIN)
	expect(t, "Login", err, ck.CKR_DEVICE_ERROR)
	for _, user := range []ck.UserType{ck.CKU_USER, ck.CKU_SO} {
		_, err = p.LoginUser(user, "alice", userPIN)
		expect(t, "LoginUser with a name", err, ck.CKR_DEVICE_ERROR)
	}
	expect(t, "SetUserPIN", p.SetUserPIN("alice", userPIN, soPIN), ck.CKR_DEVICE_ERROR)
	expect(t, "RecoverSO", p.RecoverSO("alice", userPIN, soPIN), ck.CKR_DEVICE_ERROR)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
