package partition

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// pinOf says where the PIN of a user type is kept and what role it gives.
func pinOf(user ck.UserType) (name string, r role, err error) {
	switch user {
	case ck.CKU_SO:
		return metaSO, roleSO, nil
	case ck.CKU_USER:
		return metaUser, roleUser, nil
	}
	return "", 0, ck.CKR_USER_TYPE_INVALID
}

// CheckPIN holds a PIN that is to be set against the rules: CKR_PIN_LEN_RANGE.
func (o Options) CheckPIN(pin []byte) error {
	if len(pin) < o.MinPIN || len(pin) > o.MaxPIN {
		return ck.Errorf(ck.CKR_PIN_LEN_RANGE, "a PIN has %d to %d bytes", o.MinPIN, o.MaxPIN)
	}
	return nil
}

// tryPIN checks a PIN and returns the key of private objects, which the caller
// wipes, and the wrap that it was in. The try is counted, durably, before the PIN
// is looked at.
//
// The PIN was right for this wrap: by the time that the caller makes use of it,
// others may have changed the PIN or initialised the token anew. Who does more than
// to believe the user looks whether the wrap is still there.
func (p *Partition) tryPIN(user ck.UserType, pin []byte) (key *seal.Key, wrap []byte, err error) {
	name, r, err := pinOf(user)
	if err != nil {
		return nil, nil, err
	}
	if err := p.sync(); err != nil {
		return nil, nil, err
	}
	a, try, err := p.beginTry(name)
	if err != nil {
		return nil, nil, err
	}
	key, err = p.root.UnwrapPIN(byte(r), pin, a.Wrap)
	if noted := p.endTry(name, try, a.Wrap, err == nil); noted != nil && err == nil {
		key.Zero()
		return nil, nil, noted
	}
	if errors.Is(err, seal.ErrWrongPIN) {
		return nil, nil, ck.CKR_PIN_INCORRECT
	}
	if err != nil {
		return nil, nil, damaged("value %q: %w", name, err)
	}
	return key, a.Wrap, nil
}

// errPINChanged is the answer to a PIN that was right a moment ago.
var errPINChanged = ck.Errorf(ck.CKR_PIN_INCORRECT, "the PIN was changed meanwhile")

// believe checks a PIN and nothing else.
func (p *Partition) believe(user ck.UserType, pin []byte) error {
	key, _, err := p.tryPIN(user, pin)
	if err != nil {
		return err
	}
	key.Zero()
	return nil
}

// Login is C_Login for CKU_SO and CKU_USER.
func (p *Partition) Login(user ck.UserType, pin []byte) (api.Identity, error) {
	name, r, err := pinOf(user)
	if err != nil {
		return 0, err
	}
	key, wrap, err := p.tryPIN(user, pin)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		key.Zero()
		return 0, errClosed
	}
	if err := p.load(); err != nil {
		key.Zero()
		return 0, err
	}
	if string(p.authSeen(name).Wrap) != string(wrap) {
		key.Zero() // it may be that of another epoch
		return 0, errPINChanged
	}
	if p.private == nil {
		p.private = key
		if err := p.openPrivate(); err != nil {
			p.closePrivate()
			return 0, err
		}
	} else {
		key.Zero()
	}
	p.lastID++
	p.identities[p.lastID] = identity{r}
	return p.lastID, nil
}

// LoggedIn reports whether id is still good. Where that cannot be told it is taken
// to be: whatever is asked next says what is wrong.
func (p *Partition) LoggedIn(id api.Identity) bool {
	if p.sync() != nil {
		return true
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, ok := p.identities[id]
	return ok
}

// Logout ends an identity. With the last one, private objects are closed.
func (p *Partition) Logout(id api.Identity) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.identities[id]; !ok {
		return ck.CKR_USER_NOT_LOGGED_IN
	}
	delete(p.identities, id)
	if len(p.identities) == 0 {
		p.closePrivate()
	}
	return nil
}

// openPrivate opens the attributes of all private objects.
func (p *Partition) openPrivate() error {
	for _, e := range p.objects {
		if e.object != nil {
			continue
		}
		o, err := p.openObject(p.private, e.id, e.record)
		if err != nil {
			return err
		}
		e.object = o
		p.index.add(e)
	}
	return nil
}

// closePrivate forgets private objects, destroys private session objects and
// wipes the key that opened them.
func (p *Partition) closePrivate() {
	for _, e := range p.objects {
		switch {
		case e.object == nil || !e.object.Private():
		case e.session != 0:
			e.wipe()
			p.remove(e)
		default:
			e.wipe()
			p.index.remove(e)
			e.object = nil
		}
	}
	p.private.Zero()
	p.private = nil
}

// InitPIN is C_InitPIN: the SO sets the user's PIN, which unlocks it.
func (p *Partition) InitPIN(who api.Caller, pin []byte) error {
	if err := p.sync(); err != nil {
		return err
	}
	if err := p.options.CheckPIN(pin); err != nil {
		return err
	}
	key, header, err := p.keyOfSO(who)
	if err != nil {
		return err
	}
	defer key.Zero()
	wrap, err := p.root.WrapPIN(roleUser, pin, p.options.KDF, key)
	if err != nil {
		return err
	}
	return p.storePIN(metaUser, wrap, func(w *writer) error {
		if string(w.header) != string(header) {
			return errInitialisedAnew
		}
		return nil
	})
}

// keyOfSO copies the key of private objects for the SO, who alone may wrap it
// under another PIN without knowing the old one; and the header of the token that
// it is the key of.
func (p *Partition) keyOfSO(who api.Caller) (key *seal.Key, header []byte, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.roleOf(who) != roleSO {
		return nil, nil, ck.CKR_USER_NOT_LOGGED_IN
	}
	return p.private.Clone(), p.metas[metaPartition].payload, nil
}

// SetPIN is C_SetPIN. A wrong old PIN counts as a failed login.
func (p *Partition) SetPIN(user ck.UserType, old, new []byte) error {
	name, r, err := pinOf(user)
	if err != nil {
		return err
	}
	if err := p.options.CheckPIN(new); err != nil {
		return err
	}
	key, oldWrap, err := p.tryPIN(user, old)
	if err != nil {
		return err
	}
	defer key.Zero()
	wrap, err := p.root.WrapPIN(byte(r), new, p.options.KDF, key)
	if err != nil {
		return err
	}
	return p.storePIN(name, wrap, func(w *writer) error { return w.stillUnder(name, oldWrap) })
}

// storePIN writes a PIN's new wrap, if what it was made of is still so.
func (p *Partition) storePIN(name string, wrap []byte, still func(*writer) error) error {
	err := p.update(func(w *writer) error {
		if err := still(w); err != nil {
			return err
		}
		return w.putAuth(name, auth{Wrap: wrap})
	})
	if err != nil {
		return err
	}
	return p.sync()
}

// authSeen is the PIN's record as last loaded.
func (p *Partition) authSeen(name string) (a auth) {
	if json.Unmarshal(p.metas[name].payload, &a) != nil {
		return auth{}
	}
	return a
}

// pinFlags tells the state of both PINs (CK_TOKEN_INFO). The caller holds p.mu.
func (p *Partition) pinFlags() ck.Flags {
	var flags ck.Flags
	for _, f := range []struct {
		name                         string
		initialised, low, last, lock ck.Flags
	}{
		{metaUser, ck.CKF_USER_PIN_INITIALIZED, ck.CKF_USER_PIN_COUNT_LOW, ck.CKF_USER_PIN_FINAL_TRY, ck.CKF_USER_PIN_LOCKED},
		{metaSO, 0, ck.CKF_SO_PIN_COUNT_LOW, ck.CKF_SO_PIN_FINAL_TRY, ck.CKF_SO_PIN_LOCKED},
	} {
		a := p.authSeen(f.name)
		if !a.initialised() {
			continue
		}
		flags |= f.initialised
		failed := a.failed(time.Now())
		if failed > 0 {
			flags |= f.low
		}
		switch left := p.options.Tries - failed; {
		case left <= 0:
			flags |= f.lock
		case left == 1:
			flags |= f.last
		}
	}
	return flags
}
