package partition

import (
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// tryPIN checks a PIN and returns the key of private objects, which the caller
// wipes, and the wrap that it was in. The try is counted, durably, before the PIN
// is looked at.
//
// The PIN was right for this wrap: by the time that the caller makes use of it,
// others may have changed the PIN or initialised the token anew. Who does more than
// to believe the user looks whether the wrap is still there.
func (p *Partition) tryPIN(act audit.Act, of account, pin []byte) (key *seal.Key, wrap []byte, err error) {
	if err := p.sync(); err != nil {
		return nil, nil, err
	}
	return p.countedTry(act, of, pin)
}

// countedTry is tryPIN of a partition that has been looked at.
func (p *Partition) countedTry(act audit.Act, of account, pin []byte) (key *seal.Key, wrap []byte, err error) {
	a, try, err := p.beginTry(of)
	if err != nil {
		return nil, nil, err
	}
	secret.Do(func() { key, err = p.unwrapPIN(of, pin, a) })
	if noted := p.endTry(act, of, try, a.Wrap, err == nil); noted != nil && err == nil {
		key.Zero()
		return nil, nil, noted
	}
	if errors.Is(err, seal.ErrWrongPIN) {
		return nil, nil, ck.CKR_PIN_INCORRECT
	}
	if err != nil {
		return nil, nil, damaged("value %q: %w", of.meta, err)
	}
	return key, a.Wrap, nil
}

// errPINChanged is the answer to a PIN that was right a moment ago.
var errPINChanged = ck.Errorf(ck.CKR_PIN_INCORRECT, "the PIN was changed meanwhile")

// believe checks a PIN and nothing else.
func (p *Partition) believe(of account, pin []byte) error {
	key, _, err := p.tryPIN(audit.Prove, of, pin)
	if err != nil {
		return err
	}
	key.Zero()
	return nil
}

// Login is C_Login for CKU_SO and CKU_USER.
func (p *Partition) Login(user ck.UserType, pin []byte) (api.Identity, error) {
	return p.LoginUser(user, "", pin)
}

// LoginUser is C_LoginUser.
func (p *Partition) LoginUser(user ck.UserType, name string, pin []byte) (api.Identity, error) {
	of, err := p.accountOf(user, name)
	if err != nil {
		return 0, err
	}
	key, wrap, err := p.tryPIN(audit.Login, of, pin)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		key.Zero()
		return 0, errClosed
	}
	var now auth
	err = p.loadThen(func(tx store.Tx) error {
		if now = p.authSeen(of.meta); string(now.Wrap) != string(wrap) {
			return errPINChanged // the key may be that of another epoch
		}
		return p.openPrivate(tx, key)
	})
	if err != nil {
		key.Zero()
		return 0, err
	}
	p.lastID++
	p.identities[p.lastID] = identity{of, now.Born}
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
	who, err := p.logout(id)
	if err == nil {
		_ = p.recorder.Note(audit.Event{Act: audit.Logout, Who: who}) // keys are closed, come what may
		secret.Collect()
	}
	return err
}

func (p *Partition) logout(id api.Identity) (who string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.identities[id]; !ok {
		return "", ck.CKR_USER_NOT_LOGGED_IN
	}
	who = p.whoIs(api.Caller{Identity: id})
	delete(p.identities, id)
	if len(p.identities) == 0 {
		p.closePrivate()
	}
	return who, nil
}

// endDeleted ends the logins of users whom the SO has deleted. Their operations may be
// under way, so that with the last login keys are not wiped but dropped, which wipes
// them when nothing uses them any more. The caller holds p.mu for writing.
func (p *Partition) endDeleted() {
	ended := 0
	for id, who := range p.identities {
		if who.name != "" && p.authSeen(who.meta).Born != who.born {
			delete(p.identities, id)
			ended++
		}
	}
	if ended == 0 || len(p.identities) > 0 {
		return
	}
	for _, e := range p.objects {
		if e.session == 0 || e.object.Private() { // a public session key is nowhere else
			e.key.Store(nil)
		}
	}
	p.closePrivate()
}

// openPrivate takes over the key that a PIN opened, and opens the keys of private
// objects and the attributes of all of them, unless that is done already. tx is the
// transaction that they were loaded in.
func (p *Partition) openPrivate(tx store.Tx, key *seal.Key) error {
	if p.private != nil {
		key.Zero()
		return nil
	}
	p.private = key
	var err error
	secret.Do(func() { err = p.loadTerms() })
	if err == nil {
		err = p.openObjects(tx)
	}
	if err != nil {
		p.closePrivate()
		return err
	}
	p.index.build(maps.Values(p.objects), len(p.objects))
	return nil
}

// closePrivate forgets private objects, destroys private session objects and
// wipes the key that opened them.
func (p *Partition) closePrivate() {
	p.index.stale = true
	for _, e := range p.objects {
		switch {
		case e.object == nil || !e.object.Private():
		case e.session != 0:
			e.wipe()
			p.remove(e)
		default:
			e.wipe()
			e.object = nil
		}
	}
	p.index.build(maps.Values(p.objects), len(p.objects))
	p.rings.of(true).zero()
	p.private.Zero()
	p.private = nil
}

// SetPIN is C_SetPIN. A wrong old PIN counts as a failed login.
func (p *Partition) SetPIN(user ck.UserType, old, new []byte) error {
	of, err := p.accountOf(user, "")
	if err != nil {
		return err
	}
	return p.changePIN(of, old, new)
}

// SetUserPIN is C_SetPIN of a user with a name.
func (p *Partition) SetUserPIN(name string, old, new []byte) error {
	return p.changePIN(p.userCalled(name), old, new)
}

func (p *Partition) changePIN(of account, old, new []byte) error {
	return p.setPINBy(of, old, of, new, audit.PINChange)
}

// RecoverSO sets a new PIN of the SO with the PIN of a user, "" being the one without a
// name: for who has lost the SO's (USERS.md). A wrong PIN counts as a failed login. It
// is not part of api.Partition: no program can ask for it but one that opens the
// partition with the root key.
func (p *Partition) RecoverSO(user string, userPIN, soPIN []byte) error {
	return p.setPINBy(p.userCalled(user), userPIN, accountSO, soPIN, audit.PINRecover)
}

// setPINBy sets the PIN of an account with the key that another's PIN opens, or its own.
// act is what this is in the log, done by the one whose PIN was given.
func (p *Partition) setPINBy(by account, old []byte, of account, new []byte, act audit.Act) error {
	if err := p.sync(); err != nil {
		return err
	}
	if err := p.checkPIN(new); err != nil {
		return err
	}
	key, oldWrap, err := p.tryPIN(audit.Prove, by, old)
	if err != nil {
		return err
	}
	defer key.Zero()
	wrap, err := p.wrapPIN(of, new, key)
	if err != nil {
		return err
	}
	err = p.update(func(w *writer) error {
		if _, err := w.stillUnder(by, oldWrap); err != nil {
			return err
		}
		a, err := p.readAuth(w.tx, of)
		if err != nil {
			return err
		}
		w.note(audit.Event{Act: act, Who: by.inLog()})
		return w.putPIN(of, a, wrap)
	})
	if err != nil {
		return err
	}
	return p.sync()
}

// authSeen is the PIN's record in a value as last loaded. The caller holds p.mu.
func (p *Partition) authSeen(meta string) (a auth) {
	if json.Unmarshal(p.metas[meta].payload, &a) != nil {
		return auth{}
	}
	return a
}

// pinFlags tells the state of the SO's PIN and of that of the user without a name
// (CK_TOKEN_INFO has no room for more). A PIN that is held back is locked for that
// long. The caller holds p.mu.
func (p *Partition) pinFlags() ck.Flags {
	var flags ck.Flags
	policy, now := p.pinPolicySeen(), time.Now()
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
		failed := a.failed(now)
		if failed > 0 {
			flags |= f.low
		}
		if policy.Tries-failed == 1 {
			flags |= f.last
		}
		if a.locked(policy, now) || a.held(policy, now) > 0 {
			flags |= f.lock
		}
	}
	return flags
}

// heldSeen is how long a PIN is held back, 0 for one that is locked for good. The
// caller holds p.mu.
func (p *Partition) heldSeen(of account) time.Duration {
	a, policy, now := p.authSeen(of.meta), p.pinPolicySeen(), time.Now()
	if a.locked(policy, now) {
		return 0
	}
	return a.held(policy, now)
}

// busySeen reports whether a login would wait for others. The caller holds p.mu.
func (p *Partition) busySeen(of account) bool {
	a, policy, now := p.authSeen(of.meta), p.pinPolicySeen(), time.Now()
	return a.initialised() && !a.locked(policy, now) && a.full(policy, now)
}
