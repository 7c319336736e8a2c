package partition

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// checkRecent holds what is remembered against the maps.
func (r *rig) checkRecent(after string) {
	r.t.Helper()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range r.recent.entries {
		if e := r.recent.entries[i].Load(); e != nil && r.held(e.id) != e {
			r.t.Errorf("after %s an object is remembered that there is not", after)
		}
	}
	if id := api.Identity(r.recent.user.Load()); id != 0 && r.identities[id].role != roleUser {
		r.t.Errorf("after %s a login is remembered that there is not", after)
	}
}

// A key that was used again and again, by whom and whatever for, is used no more from the
// moment on that it is gone or hidden, and as it is from the moment on that it changes.
func TestNothingRecentOutlivesItsEnd(t *testing.T) {
	for name, end := range map[string]struct {
		do   func(r *rig, who api.Caller, id api.ObjectID) error
		want ck.RV
	}{
		"destruction": {func(r *rig, who api.Caller, id api.ObjectID) error { return r.DestroyObject(who, id) }, ck.CKR_OBJECT_HANDLE_INVALID},
		"the logout":  {func(r *rig, who api.Caller, _ api.ObjectID) error { return r.Logout(who.Identity) }, ck.CKR_OBJECT_HANDLE_INVALID},
		"a change": {func(r *rig, who api.Caller, id api.ObjectID) error {
			return r.SetAttributes(who, id, ck.Template{ck.Bool(ck.CKA_ENCRYPT, false)})
		}, ck.CKR_KEY_FUNCTION_NOT_PERMITTED},
		"a change elsewhere": {func(r *rig, _ api.Caller, id api.ObjectID) error {
			other := r.again()
			who := loginTo(r.t, other, ck.CKU_USER, userPIN)
			err := other.SetAttributes(who, id, ck.Template{ck.Bool(ck.CKA_ENCRYPT, false)})
			if ck.Code(err) == ck.CKR_OBJECT_HANDLE_INVALID { // a session object
				err = r.SetAttributes(r.login(ck.CKU_USER, userPIN), id, ck.Template{ck.Bool(ck.CKA_ENCRYPT, false)})
			}
			return err
		}, ck.CKR_KEY_FUNCTION_NOT_PERMITTED},
		"initialisation": {func(r *rig, _ api.Caller, _ api.ObjectID) error {
			return r.Initialise(soPIN, "anew")
		}, ck.CKR_OBJECT_HANDLE_INVALID},
		"closing": {func(r *rig, who api.Caller, _ api.ObjectID) error { return r.Close() }, ck.CKR_DEVICE_REMOVED},
	} {
		for _, token := range []bool{true, false} {
			r := newRig(t)
			who := r.login(ck.CKU_USER, userPIN)
			id := r.generate(who, token, "hot")
			for range 3 {
				if _, err := encrypt(r.Partition, who, id); err != nil {
					t.Fatal(err)
				}
			}
			if r.recent.place(&id).Load() != r.held(id) || r.recent.user.Load() != uint64(who.Identity) {
				t.Fatal("nothing is remembered: the test tests nothing")
			}
			if err := end.do(r, who, id); err != nil {
				t.Fatal(name, err)
			}
			_, err := encrypt(r.Partition, who, id)
			expect(t, "after "+name, err, end.want)
			r.checkRecent(name)
		}
	}
}

// Two keys at one place, and two logins, do not take each other's part.
func TestRecentTellsApart(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	byPlace, outputs := map[any]int{}, map[string]bool{}
	for i := range 200 {
		id := r.generate(user, false, "one of many")
		byPlace[r.recent.place(&id)]++
		for range 2 {
			out, err := encrypt(r.Partition, user, id)
			if err != nil {
				t.Fatal(err)
			}
			outputs[string(out)] = true
		}
		if len(outputs) != i+1 {
			t.Fatal("a key was taken for another")
		}
	}
	if len(byPlace) > 64 {
		t.Errorf("%d places", len(byPlace))
	}
	so := r.login(ck.CKU_SO, soPIN)
	r.mu.RLock()
	defer r.mu.RUnlock()
	for range 2 {
		if r.roleOf(user) != roleUser || r.roleOf(so) != roleSO || r.roleOf(api.Caller{}) != rolePublic || r.roleOf(api.Caller{Identity: 99}) != rolePublic {
			t.Error("one login is taken for another")
		}
	}
}
