package partition

import (
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// meanwhile is a store in which something is done right before the transaction
// with the number at.
type meanwhile struct {
	store.Store
	at, n int
	do    func()
}

func (m *meanwhile) next() {
	if m.n++; m.n == m.at {
		m.do()
	}
}

func (m *meanwhile) View(f func(store.Tx) error) error {
	m.next()
	return m.Store.View(f)
}

func (m *meanwhile) Update(f func(store.Tx) error) error {
	m.next()
	return m.Store.Update(f)
}

// interrupt runs act again and again on a new partition, with do at each of the
// places where another process can come in between.
func interrupt(t *testing.T, prepare func(r *rig) (act, do func() error), check func(r *rig, place int, acted error)) {
	for place := 1; ; place++ {
		r := newRig(t)
		m := &meanwhile{Store: r.store}
		var err error
		if r.Partition, err = Open(m, r.root, Options{KDF: cheap}); err != nil {
			t.Fatal(err)
		}
		act, do := prepare(r)
		m.n, m.at, m.do = 0, place, func() {
			if err := do(); err != nil {
				t.Errorf("place %d: %v", place, err)
			}
		}
		acted := act()
		if m.n < place {
			return
		}
		check(r, place, acted)
	}
}

// A PIN that the SO has set anew is not set back by who knew the old one.
func TestNewPINStays(t *testing.T) {
	fromSO, late := []byte("set by the SO"), []byte("set too late")
	interrupt(t, func(r *rig) (act, do func() error) {
		other := r.again()
		so := loginTo(t, other, ck.CKU_SO, soPIN)
		return func() error { return r.SetPIN(ck.CKU_USER, userPIN, late) },
			func() error { return other.InitPIN(so, fromSO) }
	}, func(r *rig, place int, acted error) {
		if _, err := r.again().Login(ck.CKU_USER, fromSO); err != nil {
			t.Errorf("place %d: the SO's PIN: %v; SetPIN: %v", place, err, acted)
		}
	})
}

// What was done with the key of a token that another process initialises anew
// meanwhile never gets into the new token: its users could not open that.
func TestInitialisedMeanwhile(t *testing.T) {
	newUserPIN := []byte("new user")
	initialise := func(r *rig) func() error {
		other := r.again()
		return func() error {
			if err := other.Initialise(soPIN, "new"); err != nil {
				return err
			}
			so := loginTo(t, other, ck.CKU_SO, soPIN)
			if err := other.InitPIN(so, newUserPIN); err != nil {
				return err
			}
			if !r.mu.TryLock() { // in the middle of a load
				return nil
			}
			r.mu.Unlock()
			return r.sync() // another thread of this process looks
		}
	}
	check := func(r *rig, place int, acted error) {
		p := r.again()
		user, err := p.Login(ck.CKU_USER, newUserPIN)
		if err == nil {
			err = p.Logout(user)
		}
		if err != nil {
			t.Errorf("place %d: the new token: %v", place, err)
		}
		if acted == nil {
			_, err = r.Find(loginTo(t, r.again(), ck.CKU_SO, soPIN), nil)
		}
		if err != nil {
			t.Errorf("place %d: the SO of the new token: %v", place, err)
		}
	}
	t.Run("Login", func(t *testing.T) {
		interrupt(t, func(r *rig) (act, do func() error) {
			return func() error {
				who, err := r.Login(ck.CKU_USER, userPIN)
				if err == nil {
					_, _ = r.GenerateKey(api.Caller{Identity: who, Session: 1, ReadWrite: true}, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, aesTemplate(true, "old"))
				}
				return err
			}, initialise(r)
		}, check)
	})
	t.Run("InitPIN", func(t *testing.T) {
		interrupt(t, func(r *rig) (act, do func() error) {
			so := r.login(ck.CKU_SO, soPIN)
			return func() error { return r.InitPIN(so, []byte("old user")) }, initialise(r)
		}, check)
	})
	t.Run("SetPIN", func(t *testing.T) {
		interrupt(t, func(r *rig) (act, do func() error) {
			return func() error { return r.SetPIN(ck.CKU_SO, soPIN, soPIN) }, initialise(r)
		}, check)
	})
	t.Run("Initialise", func(t *testing.T) {
		interrupt(t, func(r *rig) (act, do func() error) {
			return func() error { return r.Initialise(soPIN, "late") }, initialise(r)
		}, func(r *rig, place int, acted error) {
			if acted != nil {
				check(r, place, acted)
			}
		})
	})
}
