package partition

import (
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// stolen is what somebody has copied out of a process's memory.
type stolen struct {
	private *seal.Key   // what PINs open
	keys    []*seal.Key // that seal private objects
	pins    []*openPIN
}

func steal(p *Partition) (s stolen) {
	s.private = p.private.Clone()
	for _, k := range p.rings[kindPrivate].keys {
		s.keys = append(s.keys, k.Clone())
	}
	for _, who := range p.identities {
		for _, o := range who.pins {
			s.pins = append(s.pins, o.clone())
		}
	}
	return s
}

// opens counts the private records that can be read with the root key, the disk as it is
// now, and what was stolen: each key is tried on all that there is, and what it opens is
// a key as well.
func (r *rig) opens(s stolen, secrets bool) (n int) {
	r.t.Helper()
	keys := append([]*seal.Key{s.private}, s.keys...)
	err := r.store.View(func(tx store.Tx) error {
		p, err := bare(tx, r.root, Options{})
		if err != nil {
			return err
		}
		p.store = r.store
		if x := (&Examination{}); !x.metas(tx, p) {
			return x.Findings[0].Err
		}
		pk, _ := p.pinKeysSeen()
		t, _ := decodeTerms(p.metas[metaTerms].payload)
		if secrets {
			for _, o := range s.pins {
				keys = append(keys, o.secret)
			}
		}
		for i := 0; i < len(keys); i++ {
			keys = append(keys, r.leadsTo(p, keys[i], pk, t)...)
		}
		for id, b := range tx.All() {
			rec, err := decodeRecord(b)
			if err != nil {
				return err
			}
			opened := func(k *seal.Key) bool {
				_, err := p.openObject(k, api.ObjectID(id), rec)
				return err == nil
			}
			if rec.private && slices.ContainsFunc(keys, opened) {
				n++
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// leadsTo is every key on the disk that a key opens.
func (r *rig) leadsTo(p *Partition, k *seal.Key, pk pinKeys, t terms) (keys []*seal.Key) {
	for _, w := range append(pk.Before, t.Private...) {
		for _, purpose := range []string{beforePurpose(w.Term), termPurpose(kindPrivate, w.Term)} {
			if got, err := k.UnwrapKey(p.id, w.Wrap, purpose); err == nil {
				keys = append(keys, got)
			}
		}
	}
	for meta := range p.metas {
		if a := p.authSeen(meta); isPIN(meta) && a.Box != nil {
			if got, err := k.Disclose(p.id, a.Box.Key, boxPurpose(meta, a.Box.Term)); err == nil {
				keys = append(keys, got)
			}
		}
	}
	return keys
}

func (r *rig) rotates(who api.Caller) {
	r.t.Helper()
	if err := r.RotateKeys(r.t.Context(), who, noProgress); err != nil {
		r.t.Fatal(err)
	}
}

// TestOldKeyOpensNothing: what was known before a rotation opens nothing of what is on the
// disk after it; and what the PIN itself opened does, until the PIN is changed.
func TestOldKeyOpensNothing(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	r.generate(user, true, "k")
	before := steal(r.Partition)
	if n := r.opens(before, false); n != 1 {
		t.Fatalf("before the rotation it opens %d records", n)
	}
	r.rotates(user)
	if got := r.Renewed(); !got.PINKey || got.Waiting != nil {
		t.Errorf("told of %+v", got)
	}
	r.generate(user, true, "later")
	if n := r.opens(before, false); n != 0 {
		t.Errorf("the old keys open %d records", n)
	}
	if n := r.opens(before, true); n != 2 {
		t.Errorf("with the PIN's secret %d records open, and it says that all do", n)
	}
	if err := r.SetPIN(ck.CKU_USER, userPIN, []byte("another PIN")); err != nil {
		t.Fatal(err)
	}
	if n := r.opens(before, true); n != 0 {
		t.Errorf("after a new PIN the old secret opens %d records", n)
	}
	r.rotates(user)
	if n := r.opens(before, true); n != 0 {
		t.Errorf("and after a rotation %d", n)
	}
	if n := r.opens(steal(r.Partition), false); n != 2 {
		t.Errorf("the keys of today open %d records of 2", n)
	}
}

// TestRemovedUserOpensNothing: a user who was deleted before a rotation is as the public
// after it, whatever they had.
func TestRemovedUserOpensNothing(t *testing.T) {
	r, so := newRigWithAlice(t)
	user := r.login(ck.CKU_USER, userPIN)
	r.generate(user, true, "k")
	other := r.again()
	loginAs(t, other, "alice", alicePIN)
	before := steal(other)
	if n := r.opens(before, true); n != 1 {
		t.Fatalf("a user opens %d records", n)
	}
	if err := r.DeleteUser(so, "alice"); err != nil {
		t.Fatal(err)
	}
	r.rotates(user)
	if n := r.opens(before, true); n != 0 {
		t.Errorf("a user who was removed opens %d records", n)
	}
}

// TestRotatedWhileLoggedIn: logins of other processes go on across rotations that they
// slept through; those by a PIN that was changed since end with the next one.
func TestRotatedWhileLoggedIn(t *testing.T) {
	r, so := newRigWithAlice(t)
	user := r.login(ck.CKU_USER, userPIN)
	id := r.generate(user, true, "k")
	sleeper, changed := r.again(), r.again()
	alice := loginAs(t, sleeper, "alice", alicePIN)
	stays := loginTo(t, changed, ck.CKU_USER, userPIN)
	goes := loginAs(t, changed, "alice", alicePIN)
	for range 3 {
		r.rotates(so)
	}
	if _, err := encrypt(sleeper, alice, id); err != nil {
		t.Errorf("a login that slept: %v", err)
	}
	if err := r.InitUserPIN(so, "alice", []byte("from the SO")); err != nil {
		t.Fatal(err)
	}
	if _, err := encrypt(sleeper, alice, id); err != nil {
		t.Errorf("a new PIN ended a login: %v", err)
	}
	r.rotates(user)
	if _, err := encrypt(sleeper, alice, id); err == nil || sleeper.LoggedIn(alice.Identity) || sleeper.private != nil {
		t.Errorf("a login by the old PIN is there after a rotation: %v", err)
	}
	if _, err := encrypt(changed, stays, id); err != nil || changed.LoggedIn(goes.Identity) {
		t.Errorf("beside another login: %v, and the one by the old PIN is there: %t", err, changed.LoggedIn(goes.Identity))
	}
	if err := sleeper.SetUserPIN("alice", []byte("from the SO"), alicePIN); err != nil {
		t.Error(err)
	}
	loginAs(t, sleeper, "alice", alicePIN)
}

// TestRotatesWithOldPIN: a rotation is not begun by a login that it would end.
func TestRotatesWithOldPIN(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	other := r.again()
	if err := other.InitPIN(loginTo(t, other, ck.CKU_SO, soPIN), []byte("another")); err != nil {
		t.Fatal(err)
	}
	expect(t, "by the old PIN", r.RotateKeys(t.Context(), user, noProgress), ck.CKR_USER_NOT_LOGGED_IN)
	if r.Rotating() {
		t.Error("it has begun")
	}
}

// TestOwnPINChanged: who changes their PIN stays logged in across a rotation.
func TestOwnPINChanged(t *testing.T) {
	r := newRig(t)
	user := r.login(ck.CKU_USER, userPIN)
	id := r.generate(user, true, "k")
	expect(t, "a wrong PIN", r.SetPIN(ck.CKU_USER, []byte("wrong"), []byte("another")), ck.CKR_PIN_INCORRECT)
	if err := r.SetPIN(ck.CKU_USER, userPIN, []byte("another")); err != nil {
		t.Fatal(err)
	}
	other := r.again()
	if err := other.RotateKeys(t.Context(), loginTo(t, other, ck.CKU_SO, soPIN), noProgress); err != nil {
		t.Fatal(err)
	}
	if _, err := encrypt(r.Partition, user, id); err != nil {
		t.Error(err)
	}
}

// TestForgedBox: who has the root key and writes to the disk, but has no PIN, can neither
// have the next key enclosed to themselves nor put a key of their own in its place.
func TestForgedBox(t *testing.T) {
	mine, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	forge := func(t *testing.T, change func(p *Partition, b *box)) *rig {
		r := newRig(t)
		user := r.login(ck.CKU_USER, userPIN)
		r.generate(user, true, "k")
		if err := r.Logout(user.Identity); err != nil {
			t.Fatal(err)
		}
		err := r.update(func(w *writer) error {
			a, _, err := w.p.readPIN(w.tx, metaUser)
			if err != nil {
				return err
			}
			change(w.p, a.Box)
			return w.putAuth(accountUser, a)
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("recipient", func(t *testing.T) {
		r := forge(t, func(p *Partition, b *box) { b.Public, _ = mine.Recipient(p.id) })
		so := r.login(ck.CKU_SO, soPIN)
		expect(t, "rotation", r.RotateKeys(t.Context(), so, noProgress), ck.CKR_DEVICE_ERROR)
		key, err := UnlockPrivate(r.store, r.root, Options{KDF: cheap}, ck.CKU_SO, "", soPIN)
		if err != nil {
			t.Fatal(err)
		}
		err = r.store.View(func(tx store.Tx) error {
			x := Examine(tx, tx.Generation(), r.root, Options{}, key)
			if len(x.Findings) != 1 || x.Findings[0].Value != metaUser || x.Findings[0].Err != errUnbound {
				t.Errorf("it is found to be %v", x.Findings)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("key", func(t *testing.T) {
		r := forge(t, func(p *Partition, b *box) { b.Key, _ = mine.Enclose(p.id, b.Public, boxPurpose(metaUser, b.Term)) })
		_, err := r.Login(ck.CKU_USER, userPIN)
		expect(t, "login", err, ck.CKR_DEVICE_ERROR)
	})
	t.Run("next key", func(t *testing.T) {
		r := forge(t, func(p *Partition, b *box) {
			b.Term++
			b.Key, _ = mine.Enclose(p.id, b.Public, boxPurpose(metaUser, b.Term))
		})
		err := r.update(func(w *writer) error {
			wrap, err := mine.WrapKey(w.p.id, mine, beforePurpose(2)) // it has not the one before
			if err != nil {
				return err
			}
			return w.putPINKeys(pinKeys{Term: 2, Before: []termWrap{{2, wrap}}})
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Login(ck.CKU_USER, userPIN)
		expect(t, "login", err, ck.CKR_DEVICE_ERROR)
	})
}

// TestKeysBeforeAreKept: as long as somebody has not logged in since, and no longer.
func TestKeysBeforeAreKept(t *testing.T) {
	r, so := newRigWithAlice(t)
	kept := func() int {
		k, err := r.pinKeysSeen()
		if err != nil {
			t.Fatal(err)
		}
		return len(k.Before)
	}
	for n := range 4 {
		r.rotates(so)
		if kept() != n+1 {
			t.Errorf("after %d rotations %d keys are kept", n+1, kept())
		}
	}
	p := r.again()
	loginAs(t, p, "alice", alicePIN)
	loginTo(t, p, ck.CKU_USER, userPIN)
	loginTo(t, p, ck.CKU_SO, soPIN)
	if err := r.sync(); err != nil {
		t.Fatal(err)
	}
	r.rotates(so)
	if kept() != 1 {
		t.Errorf("everybody knows the last, and %d are kept", kept())
	}
	expect(t, "recovery", r.RecoverSO("alice", alicePIN, []byte("new so")), ck.CKR_OK)
	r.rotates(r.login(ck.CKU_SO, []byte("new so")))
}
