package partition

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/cpu"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

// valueKey is the template of a session key that anybody sees and copies.
func valueKey(value byte) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
		ck.Bool(ck.CKA_PRIVATE, false), ck.Bool(ck.CKA_ENCRYPT, true), ck.Bool(ck.CKA_SENSITIVE, false), ck.Bool(ck.CKA_EXTRACTABLE, true),
		ck.String(ck.CKA_LABEL, "racing"), ck.Bytes(ck.CKA_VALUE, bytes.Repeat([]byte{value}, 32)),
	}
}

// encrypted is what encrypt returns with each valueKey.
func encrypted(t *testing.T, r *rig, who api.Caller) (out [4]string) {
	for value := range out {
		b, err := encrypt(r.Partition, who, r.create(who, valueKey(byte(value))))
		if err != nil {
			t.Fatal(err)
		}
		out[value] = string(b)
	}
	r.CloseSession(who.Session)
	return out
}

// A racer does one thing to a key that others use, change, find and destroy at the same
// time. It says what is wrong with the answer; that the key is gone is not.
type racer func(r *rig, who api.Caller, id api.ObjectID) error

// racers are all but destruction; want is what the key encrypts to.
func racers(value byte, want string) map[string]racer {
	attribute := func(r *rig, who api.Caller, id api.ObjectID, a ck.AttributeType) ([]byte, error) {
		list := []api.AttributeResult{{Attribute: ck.Attribute{Type: a}}}
		err := r.Attributes(who, id, list)
		return list[0].Value, err
	}
	return map[string]racer{
		"encrypt": func(r *rig, who api.Caller, id api.ObjectID) error {
			got, err := encrypt(r.Partition, who, id)
			if err == nil && string(got) != want {
				err = fmt.Errorf("encrypted with another key")
			}
			return err
		},
		"read": func(r *rig, who api.Caller, id api.ObjectID) error {
			got, err := attribute(r, who, id, ck.CKA_VALUE)
			if err == nil && !bytes.Equal(got, bytes.Repeat([]byte{value}, 32)) {
				err = fmt.Errorf("the value is %x", got)
			}
			return err
		},
		"check value": func(r *rig, who api.Caller, id api.ObjectID) error {
			got, err := attribute(r, who, id, ck.CKA_CHECK_VALUE)
			if err == nil && string(got) != want[:3] {
				err = fmt.Errorf("the check value is %x", got)
			}
			return err
		},
		"size": func(r *rig, who api.Caller, id api.ObjectID) error { _, err := r.ObjectSize(who, id); return err },
		"find": func(r *rig, who api.Caller, id api.ObjectID) error {
			_, err := r.Find(who, ck.Template{ck.String(ck.CKA_LABEL, "racing")})
			return err
		},
		"copy": func(r *rig, who api.Caller, id api.ObjectID) error {
			twin, err := r.CopyObject(who, id, nil)
			if err != nil {
				return err
			}
			if got, err := encrypt(r.Partition, who, twin); err != nil || string(got) != want {
				return fmt.Errorf("the copy is another key: %v", err)
			}
			return r.DestroyObject(who, twin)
		},
		"change": func(r *rig, who api.Caller, id api.ObjectID) error {
			return r.SetAttributes(who, id, ck.Template{ck.String(ck.CKA_ID, "changed")})
		},
	}
}

// Whatever threads do with a session key while others destroy it, or its session ends: it
// is the key that it was or it is gone, it is destroyed once, and nothing is left of it.
func TestThreadsWithSessionKeys(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	want := encrypted(t, r, who)
	for name := range racers(0, "000") {
		for turn := range 60 {
			value := byte(turn % len(want))
			r.race(t, name, racers(value, want[value])[name], value, turn%3 == 0)
		}
		r.checkRecent(name)
	}
	r.keysFound(who, 0)
	r.nothingLeft()
}

// race is one key's life.
func (r *rig) race(t *testing.T, name string, do racer, value byte, closing bool) {
	owner, other := api.Caller{Session: 7, ReadWrite: true}, api.Caller{Session: 8, ReadWrite: true}
	id := r.create(owner, valueKey(value))
	var destroyed atomic.Int32
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if err := do(r, other, id); err != nil && !errors.Is(err, ck.CKR_OBJECT_HANDLE_INVALID) {
				t.Errorf("%s: %v", name, err)
			}
		})
		all.Go(func() {
			if closing {
				r.CloseSession(owner.Session)
			} else if r.DestroyObject(other, id) == nil {
				destroyed.Add(1)
			}
		})
	}
	all.Wait()
	if n := destroyed.Load(); n != 1 && !closing {
		t.Errorf("%s: destroyed %d times", name, n)
	}
	if _, err := encrypt(r.Partition, owner, id); r.Exists(owner, id) || !errors.Is(err, ck.CKR_OBJECT_HANDLE_INVALID) {
		t.Errorf("%s: the key is still there: %v", name, err)
	}
	r.CloseSession(owner.Session)
	r.CloseSession(other.Session)
}

// No private key is left of those that are made while the user logs out.
func TestNoThreadMakesPrivateKeysAfterLogout(t *testing.T) {
	r := newRig(t)
	for range 20 {
		who := r.login(ck.CKU_USER, userPIN)
		r.create(who, sessionKey("mine"))
		r.create(who, sessionKey("mine")) // by now there is a form of it
		var all sync.WaitGroup
		for thread := range 4 {
			maker := who
			maker.Session = api.SessionID(thread + 20)
			all.Go(func() {
				for {
					if _, err := r.CreateObject(maker, sessionKey("mine")); err != nil {
						expect(t, "CreateObject", err, ck.CKR_USER_NOT_LOGGED_IN)
						return
					}
				}
			})
		}
		expect(t, "Logout", r.Logout(who.Identity), ck.CKR_OK)
		all.Wait()
		for e := range r.all() {
			if e.object == nil || e.object.Private() {
				t.Fatal("a private key outlives the login")
			}
		}
	}
}

// However the objects of a session are made, they are in its shard.
func TestObjectsAreInTheLaneOfTheirSession(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	for _, session := range []api.SessionID{1, 31, 32, 3<<32 | 7} {
		who.Session = session
		for how, make := range r.makers(who) {
			for range 3 { // the last one by a form
				id, err := make()
				if err != nil {
					t.Fatal(how, err)
				}
				if lane := object.LaneOf(&id); how != "copied" && lane != int(session%object.Lanes) {
					t.Errorf("%s on session %d: lane %d", how, session, lane)
				}
			}
		}
	}
}

// A key that was used, changed, and not used since is destroyed like one that was never
// used; it is not remembered either.
func TestChangedKeyIsForgotten(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	id := r.create(who, valueKey(1))
	for range 3 {
		if _, err := encrypt(r.Partition, who, id); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, "SetAttributes", r.SetAttributes(who, id, ck.Template{ck.String(ck.CKA_LABEL, "other")}), ck.CKR_OK)
	if e := r.held(id); e.fresh == 0 || e.key.Load() != nil {
		t.Fatal("the key is not as if it were new: the test tests nothing")
	}
	mem := r.held(id).material.Secret().Expose()
	expect(t, "DestroyObject", r.DestroyObject(who, id), ck.CKR_OK)
	_, err := encrypt(r.Partition, who, id)
	expect(t, "encrypt", err, ck.CKR_OBJECT_HANDLE_INVALID)
	r.checkRecent("destruction")
	if !isWiped(mem) {
		t.Error("the secret is still there")
	}
}

// A value that is no key is refused however often keys of its template are made.
func TestFormsLookAtXTSKeys(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	template := func(value []byte) ck.Template {
		return ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES_XTS), ck.Bytes(ck.CKA_VALUE, value),
		}
	}
	for range 4 {
		r.create(who, template(append(make([]byte, 32), bytes.Repeat([]byte{1}, 32)...)))
	}
	_, err := r.CreateObject(who, template(make([]byte, 64)))
	expect(t, "two halves that are the same", err, ck.CKR_ATTRIBUTE_VALUE_INVALID)
}

// Who has looked a key up before it went makes nothing of it afterwards: its secret is
// somebody else's by then.
func TestGoneKeyIsNotPrepared(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	id := r.create(who, valueKey(1))
	e := r.held(id)
	expect(t, "DestroyObject", r.DestroyObject(who, id), ck.CKR_OK)
	_, err := r.prepared(e)
	expect(t, "prepared", err, ck.CKR_OBJECT_HANDLE_INVALID)
	_, err = r.whole(e)
	expect(t, "whole", err, ck.CKR_OBJECT_HANDLE_INVALID)
	if e.key.Load() != nil {
		t.Error("a key was made")
	}
}

// What somebody may be using, and what is in the index, is not destroyed in passing.
func TestUsedIsNotDestroyedInPassing(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	for name, c := range map[string]struct {
		before func(api.ObjectID)
		done   bool
	}{
		"nothing": {func(api.ObjectID) {}, true},
		"a use":   {func(id api.ObjectID) { _, _ = encrypt(r.Partition, who, id) }, false},
		"a find":  {func(api.ObjectID) { _, _ = r.Find(who, nil) }, false},
	} {
		id := r.create(who, valueKey(1))
		c.before(id)
		if done, err := r.destroyUnused(who, id); done != c.done || err != nil {
			t.Errorf("after %s: %v, %v", name, done, err)
		}
		if r.Exists(who, id) == c.done {
			t.Errorf("after %s: there: %v", name, !c.done)
		}
	}
}

// The locks of two shards are in different lines of the cache.
func TestShardsAreApart(t *testing.T) {
	for _, of := range []reflect.Type{reflect.TypeFor[sessionShard](), reflect.TypeFor[sessionOwner]()} {
		if of.Field(of.NumField()-1).Type != reflect.TypeFor[cpu.CacheLinePad]() {
			t.Errorf("%v: nothing is between them", of)
		}
	}
}
