package partition

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// bySO runs f in a transaction, if who is the SO of the token that it finds.
func (p *Partition) bySO(who api.Caller, f func(*writer) error) error {
	if err := p.sync(); err != nil {
		return err
	}
	header, err := p.headerForSO(who)
	if err != nil {
		return err
	}
	return p.updateUnder(header, f)
}

// updateUnder runs f in a transaction, if the token is still the one with this header.
func (p *Partition) updateUnder(header []byte, f func(*writer) error) error {
	err := p.update(func(w *writer) error {
		if string(w.header) != string(header) {
			return errInitialisedAnew
		}
		return f(w)
	})
	if err != nil {
		return err
	}
	return p.sync()
}

// headerForSO is the header of the token that who is the SO of.
func (p *Partition) headerForSO(who api.Caller) (header []byte, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.roleOf(who) != roleSO {
		return nil, ck.CKR_USER_NOT_LOGGED_IN
	}
	return p.metas[metaPartition].payload, nil
}

// givePIN lets the SO set a PIN, which unlocks it: the SO alone gives others the key of
// private objects without knowing their old PIN. check sees the record as it was.
func (p *Partition) givePIN(who api.Caller, of account, pin []byte, check func(*writer, auth) error) error {
	if err := p.sync(); err != nil {
		return err
	}
	if err := p.checkPIN(pin); err != nil {
		return err
	}
	header, err := p.headerForSO(who)
	if err != nil {
		return err
	}
	fresh, err := p.newPIN(of, pin)
	if err != nil {
		return err
	}
	defer fresh.zero()
	return p.updateUnder(header, func(w *writer) error {
		if w.private == nil { // logged out meanwhile
			return ck.CKR_USER_NOT_LOGGED_IN
		}
		a, err := p.readAuth(w.tx, of)
		if err != nil {
			return err
		}
		if err := check(w, a); err != nil {
			return err
		}
		return w.putPIN(of, a, fresh, w.private)
	})
}

// InitPIN is C_InitPIN: the SO sets the user's PIN, which unlocks it.
func (p *Partition) InitPIN(who api.Caller, pin []byte) error {
	return p.InitUserPIN(who, "", pin)
}

// InitUserPIN is api.Users'. The user without a name needs no PIN before.
func (p *Partition) InitUserPIN(who api.Caller, name string, pin []byte) error {
	return p.givePIN(who, p.userCalled(name), pin, func(w *writer, a auth) error {
		w.noteUser(audit.PINSet, name)
		return mustExist(name, a, name != "")
	})
}

// CreateUser is api.Users'.
func (p *Partition) CreateUser(who api.Caller, name string, pin []byte) error {
	if err := checkUserName(name); err != nil {
		return err
	}
	of := p.userCalled(name)
	return p.givePIN(who, of, pin, func(w *writer, a auth) error {
		if a.initialised() {
			return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "there is a user %q already", name)
		}
		if w.users() >= maxUsers {
			return ck.Errorf(ck.CKR_DEVICE_MEMORY, "a partition has at most %d users with a name", maxUsers)
		}
		w.noteUser(audit.UserCreate, name)
		return w.putStranger(of, auth{}, true)
	})
}

// DeleteUser is api.Users'.
func (p *Partition) DeleteUser(who api.Caller, name string) error {
	if name == "" {
		return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "the user without a name stays: a partition has one")
	}
	return p.onUser(who, name, func(w *writer, of account, _ auth) error {
		w.noteUser(audit.UserDelete, name)
		return w.deleteMeta(of.meta)
	})
}

// UnlockUser is api.Users'.
func (p *Partition) UnlockUser(who api.Caller, name string) error {
	return p.onUser(who, name, func(w *writer, of account, a auth) error {
		w.noteUser(audit.UserUnlock, name)
		return w.putAuth(of, a.renewed())
	})
}

// onUser runs f in a transaction of the SO, on a user who is there.
func (p *Partition) onUser(who api.Caller, name string, f func(*writer, account, auth) error) error {
	of := p.userCalled(name)
	return p.bySO(who, func(w *writer) error {
		a, err := p.readAuth(w.tx, of)
		if err != nil {
			return err
		}
		if err := mustExist(name, a, true); err != nil {
			return err
		}
		return f(w, of, a)
	})
}

// mustExist refuses a user who is not there, if that matters.
func mustExist(name string, a auth, matters bool) error {
	switch {
	case a.initialised() || !matters:
		return nil
	case name == "":
		return ck.Errorf(ck.CKR_USER_PIN_NOT_INITIALIZED, "the user has no PIN yet")
	}
	return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "there is no user %q", name)
}

// Users is api.Users'.
func (p *Partition) Users(who api.Caller) ([]api.UserInfo, error) {
	if err := p.sync(); err != nil {
		return nil, err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.roleOf(who) != roleSO {
		return nil, ck.CKR_USER_NOT_LOGGED_IN
	}
	policy, now := p.pinPolicySeen(), time.Now()
	var all []api.UserInfo
	for meta := range p.metas {
		if !isNamed(meta) {
			continue
		}
		a := p.authSeen(meta)
		u := api.UserInfo{Name: a.Name, Failures: a.failed(now), Locked: a.locked(policy, now)}
		if !u.Locked {
			u.Held, u.Busy = a.held(policy, now), a.full(policy, now)
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b api.UserInfo) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// users counts those with a name.
func (w *writer) users() (n int) {
	for meta := range w.tx.Metas() {
		if isNamed(meta) {
			n++
		}
	}
	return n
}

// putPIN writes a PIN's record with another PIN, for a user who was there or for a new
// one. key is that of private objects.
func (w *writer) putPIN(of account, was auth, fresh *openPIN, key *seal.Key) (err error) {
	a := was.renewed()
	a.Wrap = fresh.wrap
	if a.Box, err = w.box(of.meta, fresh.secret, key); err != nil {
		return err
	}
	if of.name != "" && !was.initialised() {
		var born [8]byte
		rand.Read(born[:])
		a.Name, a.Born = of.name, hex.EncodeToString(born[:])
	}
	return w.putAuth(of, a)
}
