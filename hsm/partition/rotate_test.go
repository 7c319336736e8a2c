package partition

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
)

func noProgress(int, int) {}

// data makes n public data objects, enough for several batches.
func (r *rig) data(who api.Caller, n int) {
	r.t.Helper()
	for i := range n {
		_, err := r.CreateObject(who, ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_PRIVATE, i%2 == 0),
			ck.String(ck.CKA_LABEL, fmt.Sprint(i)), ck.Bytes(ck.CKA_VALUE, []byte{byte(i)}),
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// terms counts the records of each kind by term.
func (r *rig) terms() map[string]int {
	r.t.Helper()
	n := map[string]int{}
	err := r.store.View(func(tx store.Tx) error {
		for _, b := range tx.All() {
			rec, err := splitRecord(b)
			if err != nil {
				return err
			}
			n[termPurpose(kindOf(rec.private), rec.term)]++
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// expectTerms checks that there are these records, and no other keys than theirs.
func (r *rig) expectTerms(public, private int, term uint32) {
	r.t.Helper()
	got := r.terms()
	if len(got) != 2 || got[termPurpose(kindPublic, term)] != public || got[termPurpose(kindPrivate, term)] != private {
		r.t.Errorf("records are of %v, want %d and %d of term %d", got, public, private, term)
	}
	p := r.again()
	for kind := range p.rings {
		if n := len(p.rings[kind].keys); kind == kindPublic && n != 1 {
			r.t.Errorf("%d keys of kind %d", n, kind)
		}
	}
	if p.Rotating() {
		r.t.Error("the rotation is not finished")
	}
}

func TestRotateKeys(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	key := r.generate(user, true, "k")
	r.data(user, 300)
	other := r.again()
	theirs := loginTo(t, other, ck.CKU_USER, userPIN)
	before, err := encrypt(other, theirs, key)
	if err != nil {
		t.Fatal(err)
	}
	order, err := r.Find(user, nil)
	if err != nil {
		t.Fatal(err)
	}
	for term := uint32(2); term < 5; term++ {
		last := -1
		err := r.RotateKeys(t.Context(), user, func(done, total int) {
			if done < last || done > total || total != 301 {
				t.Errorf("%d of %d after %d", done, total, last)
			}
			last = done
		})
		if err != nil || last != 301 {
			t.Fatalf("%d done, %v", last, err)
		}
		r.expectTerms(150, 151, term)
		fresh := r.again()
		for _, p := range []*Partition{r.Partition, other, fresh} {
			who := loginTo(t, p, ck.CKU_USER, userPIN)
			after, err := encrypt(p, who, key)
			if err != nil || string(after) != string(before) {
				t.Errorf("term %d: another key: %v", term, err)
			}
			if now, err := p.Find(who, nil); err != nil || fmt.Sprint(now) != fmt.Sprint(order) {
				t.Errorf("term %d: another order: %v", term, err)
			}
		}
	}
	// PINs go on to open it, and the token can be made anew.
	if err := r.SetPIN(ck.CKU_USER, userPIN, []byte("other user")); err != nil {
		t.Fatal(err)
	}
	if err := r.InitPIN(r.login(ck.CKU_SO, soPIN), userPIN); err != nil {
		t.Fatal(err)
	}
	if _, err := encrypt(other, loginTo(t, other, ck.CKU_USER, userPIN), key); err != nil {
		t.Error(err)
	}
	if err := r.Initialise(soPIN, "anew"); err != nil {
		t.Fatal(err)
	}
	r.again()
	r.login(ck.CKU_SO, soPIN)
}

// The keys of private objects are opened by a login.
func TestRotateKeysNeedsLogin(t *testing.T) {
	r := newRig(t)
	expect(t, "public", r.RotateKeys(t.Context(), api.Caller{ReadWrite: true}, noProgress), ck.CKR_USER_NOT_LOGGED_IN)
	so := r.login(ck.CKU_SO, soPIN)
	if err := r.RotateKeys(t.Context(), so, noProgress); err != nil {
		t.Errorf("the SO: %v", err)
	}
	if err := r.Logout(so.Identity); err != nil {
		t.Fatal(err)
	}
	expect(t, "after a logout", r.RotateKeys(t.Context(), so, noProgress), ck.CKR_USER_NOT_LOGGED_IN)
}

// TestRotateKeysCutOff ends a rotation before each batch and takes it up again, in
// another process and with changes in between.
func TestRotateKeysCutOff(t *testing.T) {
	for at := 0; ; at++ {
		r := newRig(t)
		user := r.login(ck.CKU_USER, userPIN)
		r.data(user, 300)
		stale := r.again()
		theirs := loginTo(t, stale, ck.CKU_USER, userPIN)
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		err := r.RotateKeys(ctx, user, func(int, int) {
			if calls == at {
				cancel()
			}
			calls++
		})
		if err == nil {
			return
		}
		if !errors.Is(err, context.Canceled) || !r.Rotating() {
			t.Fatalf("call %d: %v, rotating %t", at, err, r.Rotating())
		}
		if _, err := stale.GenerateKey(theirs, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "late")); err != nil {
			t.Fatal(err)
		}
		if n := r.terms(); n[termPurpose(kindPrivate, 2)] == 0 {
			t.Errorf("call %d: a process that had it open writes under the old term", at)
		}
		p := r.again()
		if err := p.RotateKeys(t.Context(), loginTo(t, p, ck.CKU_SO, soPIN), noProgress); err != nil {
			t.Fatal(err)
		}
		r.expectTerms(150, 151, 2)
	}
}

// TestRotatedMeanwhile rotates at every place where another process can come in.
func TestRotatedMeanwhile(t *testing.T) {
	for name, act := range map[string]func(*rig, api.Caller, api.ObjectID) error{
		"generate": func(r *rig, user api.Caller, _ api.ObjectID) error {
			_, err := r.GenerateKey(user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "k"))
			return err
		},
		"set": func(r *rig, user api.Caller, id api.ObjectID) error {
			return r.SetAttributes(user, id, ck.Template{ck.String(ck.CKA_LABEL, "new")})
		},
		"use": func(r *rig, user api.Caller, id api.ObjectID) error {
			_, err := encrypt(r.Partition, user, id)
			return err
		},
		"destroy": func(r *rig, user api.Caller, id api.ObjectID) error { return r.DestroyObject(user, id) },
		"PIN":     func(r *rig, _ api.Caller, _ api.ObjectID) error { return r.SetPIN(ck.CKU_USER, userPIN, userPIN) },
		"login":   func(r *rig, _ api.Caller, _ api.ObjectID) error { _, err := r.Login(ck.CKU_SO, soPIN); return err },
		"rotate": func(r *rig, user api.Caller, _ api.ObjectID) error {
			return r.RotateKeys(context.Background(), user, noProgress)
		},
	} {
		t.Run(name, func(t *testing.T) {
			interrupt(t, func(r *rig) (func() error, func() error) {
				user := r.login(ck.CKU_USER, userPIN)
				id := r.generate(user, true, "k")
				other := r.again()
				so := loginTo(t, other, ck.CKU_SO, soPIN)
				return func() error { return act(r, user, id) },
					func() error { return other.RotateKeys(context.Background(), so, noProgress) }
			}, func(r *rig, place int, acted error) {
				if acted != nil {
					t.Errorf("place %d: %v", place, acted)
				}
				p := r.again()
				if _, err := p.Find(loginTo(t, p, ck.CKU_USER, userPIN), nil); err != nil {
					t.Errorf("place %d: %v", place, err)
				}
			})
		})
	}
}

// TestRotateKeysUnderLoad: others make, use, change and destroy keys all the while.
func TestRotateKeysUnderLoad(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	r.data(user, 200)
	var stop atomic.Bool
	var workers sync.WaitGroup
	for range 3 {
		p := r.again()
		who := loginTo(t, p, ck.CKU_USER, userPIN)
		workers.Go(func() {
			for !stop.Load() {
				if err := liveOneLife(p, who); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 5 {
		if err := r.RotateKeys(t.Context(), user, noProgress); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	workers.Wait()
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	r.expectTerms(100, 100, 6)
}

// liveOneLife makes a key, uses it, changes it and destroys it.
func liveOneLife(p *Partition, who api.Caller) error {
	id, err := p.GenerateKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "life"))
	if err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	if _, err := encrypt(p, who, id); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	if err := p.SetAttributes(who, id, ck.Template{ck.String(ck.CKA_LABEL, "old")}); err != nil {
		return fmt.Errorf("set: %w", err)
	}
	if err := p.DestroyObject(who, id); err != nil {
		return fmt.Errorf("destroy: %w", err)
	}
	return nil
}

// A record of a term that is over, or never was, is damage and no panic.
func TestUnknownTerm(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	r.generate(user, true, "k")
	before := take(t, r.store)
	if err := r.RotateKeys(t.Context(), user, noProgress); err != nil {
		t.Fatal(err)
	}
	err := r.update(func(w *writer) error {
		for id, b := range before.records {
			return w.put(id, b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Find(user, nil)
	expect(t, "Find", err, ck.CKR_DEVICE_ERROR)
}

// TestRotateForgets: who has kept the key that PINs open, and gets the disk after a
// rotation, finds nothing in the file that this key opens: no record and no key as it was.
func TestRotateForgets(t *testing.T) {
	l := newLogged(t, false)
	so, err := l.Login(ck.CKU_SO, soPIN)
	l.do("Login", err)
	l.do("InitPIN", l.InitPIN(api.Caller{Identity: so, ReadWrite: true}, userPIN))
	l.do("Logout", l.Logout(so))
	id, err := l.Login(ck.CKU_USER, userPIN)
	l.do("Login", err)
	who := api.Caller{Identity: id, Session: 1, ReadWrite: true}
	l.data(who, 300)
	old := l.sealed()
	l.do("RotateKeys", l.RotateKeys(t.Context(), who, noProgress))
	file, err := os.ReadFile(filepath.Join(l.dir, "store.db"))
	l.do("ReadFile", err)
	for what, b := range old {
		if bytes.Contains(file, b) {
			t.Fatalf("%s is in the file as it was before the rotation", what)
		}
	}
	for what, b := range l.sealed() {
		if !bytes.Contains(file, b) {
			t.Errorf("%s is not found: this test looks in the wrong place", what)
		}
	}
	l.do("again", l.open())
}

// sealed is what the store has sealed under keys that a rotation changes: the end of each
// record, and of each wrapped key.
func (l *logged) sealed() map[string][]byte {
	all := map[string][]byte{}
	l.do("View", l.store.View(func(tx store.Tx) error {
		for id, b := range tx.All() {
			all[fmt.Sprintf("record %x", id)] = bytes.Clone(b[len(b)-24:])
		}
		terms, _, err := l.readMeta(tx, metaTerms)
		if len(terms) > 0 {
			all["the value terms"] = bytes.Clone(terms)
		}
		return err
	}))
	return all
}
