package partition

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// sessionKey is the template of an AES session key with a value.
func sessionKey(label string) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_AES),
		ck.Bool(ck.CKA_PRIVATE, true), ck.Bool(ck.CKA_ENCRYPT, true),
		ck.String(ck.CKA_LABEL, label), ck.Bytes(ck.CKA_VALUE, bytes.Repeat([]byte{0xa7}, 32)),
	}
}

// makers are the ways to a session key whose secret is looked for.
func (r *rig) makers(who api.Caller) map[string]func() (api.ObjectID, error) {
	base, err := r.CreateObject(who, append(sessionKey("base"), ck.Bool(ck.CKA_COPYABLE, true)))
	if err != nil {
		r.t.Fatal(err)
	}
	return map[string]func() (api.ObjectID, error){
		"created": func() (api.ObjectID, error) { return r.CreateObject(who, sessionKey("mine")) },
		"copied":  func() (api.ObjectID, error) { return r.CopyObject(who, base, nil) },
		"generated": func() (api.ObjectID, error) {
			return r.GenerateKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(false, "made"))
		},
	}
}

func isWiped(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// A key that was never used is gone from locked memory when it is: destroyed, or its
// session closed, or its user logged out.
func TestUnusedSecretIsWipedAtOnce(t *testing.T) {
	r := newRig(t)
	for ending, end := range map[string]func(api.Caller, api.ObjectID) error{
		"destroyed": func(who api.Caller, id api.ObjectID) error { return r.DestroyObject(who, id) },
		"closed":    func(who api.Caller, _ api.ObjectID) error { r.CloseSession(who.Session); return nil },
		"logged out": func(who api.Caller, _ api.ObjectID) error {
			return r.Logout(who.Identity)
		},
		"changed": func(who api.Caller, id api.ObjectID) error {
			return r.SetAttributes(who, id, ck.Template{ck.String(ck.CKA_LABEL, "other")})
		},
	} {
		who := r.login(ck.CKU_USER, userPIN)
		for how, make := range r.makers(who) {
			if ending != "destroyed" && how != "created" {
				continue
			}
			id, err := make()
			if err != nil {
				t.Fatal(how, err)
			}
			mem := r.held(id).material.Secret().Expose()
			if isWiped(mem) {
				t.Fatalf("%s: there is no secret to look for", how)
			}
			if err := end(who, id); err != nil {
				t.Fatal(ending, err)
			}
			if !isWiped(mem) {
				t.Errorf("%s and %s: %x", how, ending, mem)
			}
		}
		_ = r.Logout(who.Identity)
	}
}

// A key that an operation still uses is wiped once the operation has let go of it.
func TestUsedSecretOutlivesItsKey(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	id, err := r.CreateObject(who, append(sessionKey("used"), ck.Bool(ck.CKA_SIGN, true)))
	if err != nil {
		t.Fatal(err)
	}
	op, err := r.Sign(who, &ck.Mechanism{Type: ck.CKM_AES_CMAC}, id)
	if err != nil {
		t.Fatal(err)
	}
	mem := r.held(id).material.Secret().Expose()
	if err := r.DestroyObject(who, id); err != nil {
		t.Fatal(err)
	}
	if n, err := op.OneShot(make([]byte, 16), []byte("data")); n != 16 || err != nil {
		t.Errorf("the operation after the end of its key: %d, %v", n, err)
	}
	op.Close()
	op = nil
	for range 200 {
		if runtime.GC(); isWiped(mem) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("the secret is still there: %x", mem)
}

// A partition that is closed wipes its keys at once, used or not; one that is abandoned
// leaves those alone that an operation may be using.
func TestClosingWipes(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*Partition) error
		left bool
	}{"closed": {(*Partition).Close, false}, "abandoned": {(*Partition).Abandon, true}} {
		r := newRig(t)
		who := r.login(ck.CKU_USER, userPIN)
		id, err := r.CreateObject(who, sessionKey("used"))
		if err != nil {
			t.Fatal(err)
		}
		op, err := r.Encrypt(who, &ck.Mechanism{Type: ck.CKM_AES_ECB}, id)
		if err != nil {
			t.Fatal(err)
		}
		key := r.held(id).key.Load()
		mem := key.Material.Secret().Expose()
		if err := c.end(r.Partition); err != nil {
			t.Fatal(err)
		}
		if isWiped(mem) == c.left {
			t.Errorf("%s: the secret is %x", name, mem)
		}
		runtime.KeepAlive(key)
		op.Close()
	}
}

// Objects that were made since the last search, and those that are gone again, do not
// disturb the order of a search, nor a change of what is searched for.
func TestFreshObjectsAreFound(t *testing.T) {
	r := newRig(t)
	who := r.login(ck.CKU_USER, userPIN)
	var made []api.ObjectID
	for i := range 30 {
		id, err := r.CreateObject(who, sessionKey(fmt.Sprintf("key %d", i%5)))
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, id)
		if i == 11 {
			r.keysFound(who, 12)
		}
	}
	var want []api.ObjectID
	for i, id := range made {
		switch {
		case i%3 == 0:
			expect(t, "DestroyObject", r.DestroyObject(who, id), ck.CKR_OK)
		case i%5 == 4:
			expect(t, "SetAttributes", r.SetAttributes(who, id, ck.Template{ck.String(ck.CKA_LABEL, "key 2")}), ck.CKR_OK)
			want = append(want, id)
		case i%5 == 2:
			want = append(want, id)
		}
	}
	got, err := r.Find(who, ck.Template{ck.String(ck.CKA_LABEL, "key 2")})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %x, want %x: %v", got, want, err)
	}
	r.keysFound(who, 20)
	if info := r.Info(); info.Objects != 0 {
		t.Errorf("%d token objects", info.Objects)
	}
	r.CloseSession(who.Session)
	r.keysFound(who, 0)
	r.nothingLeft()
}

func (r *rig) keysFound(who api.Caller, want int) {
	r.t.Helper()
	if got, err := r.Find(who, secretKeys); err != nil || len(got) != want {
		r.t.Errorf("found %d keys, want %d: %v", len(got), want, err)
	}
}

// Threads that make, use, search for and destroy session keys of their own do not
// meet each other's.
func TestShortLivedKeysOfManyThreads(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	var all sync.WaitGroup
	for thread := range 8 {
		who := user
		who.Session = api.SessionID(thread + 1)
		all.Go(func() {
			for i := range 150 {
				if err := r.shortLife(who, fmt.Sprintf("%d/%d", thread, i), i); err != nil {
					t.Errorf("thread %d: %v", thread, err)
					return
				}
			}
			r.CloseSession(who.Session)
		})
	}
	all.Wait()
	r.keysFound(user, 0)
	r.nothingLeft()
}

// nothingLeft is where all sessions are closed.
func (r *rig) nothingLeft() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.sessions
	for i := range s.shards {
		if n := len(s.shards[i].objects) + len(s.shards[i].fresh); n != 0 {
			r.t.Errorf("%d objects are left in a shard", n)
		}
		if n := len(s.owners[i].newest); n != 0 {
			r.t.Errorf("%d sessions are remembered", n)
		}
	}
}

// shortLife is that of one key; of some, the end of the session is the end.
func (r *rig) shortLife(who api.Caller, label string, turn int) error {
	id, err := r.CreateObject(who, sessionKey(label))
	if err != nil {
		return err
	}
	if turn%2 == 0 {
		got, err := encrypt(r.Partition, who, id)
		if err != nil || len(got) == 0 {
			return fmt.Errorf("encrypted %x: %w", got, err)
		}
	}
	if turn%4 == 1 {
		found, err := r.Find(who, ck.Template{ck.String(ck.CKA_LABEL, label)})
		if err != nil || len(found) != 1 || found[0] != id {
			return fmt.Errorf("found %x: %w", found, err)
		}
	}
	if turn%10 == 9 {
		return nil
	}
	return r.DestroyObject(who, id)
}
