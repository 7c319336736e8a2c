package partition

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// believe checks a PIN and nothing else.
func (p *Partition) believe(of account, pin []byte) error {
	return p.tryPIN(audit.Prove, of, pin, func(opened *openPIN) error {
		opened.zero()
		return nil
	})
}

// Login is C_Login for CKU_SO and CKU_USER.
func (p *Partition) Login(user ck.UserType, pin []byte) (api.Identity, error) {
	return p.LoginUser(user, "", pin)
}

// LoginUser is C_LoginUser.
func (p *Partition) LoginUser(user ck.UserType, name string, pin []byte) (id api.Identity, err error) {
	of, err := p.accountOf(user, name)
	if err != nil {
		return 0, err
	}
	err = p.tryPIN(audit.Login, of, pin, func(opened *openPIN) (err error) {
		if id, err = p.identify(of, opened); err != nil {
			opened.zero()
		}
		return err
	})
	return id, err
}

// identify makes a login of what a PIN has opened.
func (p *Partition) identify(of account, opened *openPIN) (api.Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return 0, errClosed
	}
	var now auth
	err := p.loadThen(func(tx store.Tx) error {
		if now = p.authSeen(of.meta); string(now.Wrap) != string(opened.wrap) {
			return errPINChanged // the secret may be that of another epoch
		}
		return p.openPrivate(tx, of.meta, now.Box, opened.secret)
	})
	if err != nil {
		return 0, err
	}
	p.lastID++
	p.identities[p.lastID] = identity{of, now.Born, []*openPIN{opened}}
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
	p.forget(id)
	if len(p.identities) == 0 {
		p.closePrivate()
	}
	return who, nil
}

// forget ends a login and wipes what its PIN has opened. The caller holds p.mu for
// writing.
func (p *Partition) forget(id api.Identity) {
	for _, opened := range p.identities[id].pins {
		opened.zero()
	}
	delete(p.identities, id)
	p.recent.user.Store(0)
}

// endDeleted ends the logins of users whom the SO has deleted. The caller holds p.mu for
// writing.
func (p *Partition) endDeleted() {
	p.endLogins(func(who identity) bool {
		return who.name != "" && p.authSeen(who.meta).Born != who.born
	})
}

// endLogins ends those logins that are over. Their operations may be under way, so that
// with the last login keys are not wiped but dropped, which wipes them when nothing uses
// them any more. The caller holds p.mu for writing.
func (p *Partition) endLogins(over func(identity) bool) {
	ended := 0
	for id, who := range p.identities {
		if over(who) {
			p.forget(id)
			ended++
		}
	}
	if ended == 0 || len(p.identities) > 0 {
		return
	}
	for e := range p.all() {
		if !e.ofSession() || e.object.Private() { // a public session key is nowhere else
			e.drop()
		}
	}
	p.closePrivate()
}

// openPrivate opens the key in the box of a PIN whose secret this is, with that the keys
// of private objects, and the attributes of all of them, unless that is done already. tx
// is the transaction that they were loaded in.
func (p *Partition) openPrivate(tx store.Tx, meta string, b *box, pin *seal.Key) error {
	keys, err := p.pinKeysSeen()
	if err != nil {
		return err
	}
	key, err := p.openBox(meta, b, pin, keys)
	if err != nil {
		return err
	}
	if p.private != nil {
		key.Zero()
		return nil
	}
	p.private, p.privateTerm = key, keys.Term
	secret.Do(func() { err = p.loadTerms() })
	if err == nil {
		err = p.openObjects(tx)
	}
	if err != nil {
		p.closePrivate()
		return err
	}
	p.rebuild()
	return nil
}

// closePrivate forgets private objects, destroys private session objects and
// wipes the key that opened them.
func (p *Partition) closePrivate() {
	p.forms.Clear()
	p.index.stale = true
	for e := range p.all() {
		switch {
		case e.object == nil || !e.object.Private():
		case e.ofSession():
			e.wipe()
			p.remove(e)
		default:
			e.wipe()
			e.object = nil
		}
	}
	p.rebuild()
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
	var fresh *openPIN // made once, when the old PIN has been found right
	defer func() { fresh.zero() }()
	err := p.tryPIN(audit.Prove, by, old, func(opened *openPIN) (err error) {
		defer opened.zero()
		if fresh == nil {
			if fresh, err = p.newPIN(of, new); err != nil {
				return err
			}
		}
		if by == of { // who is logged in by the old one stays so
			settle := p.expectPIN(opened, fresh)
			defer func() { settle(err == nil) }()
		}
		return p.update(func(w *writer) error {
			return w.setPINBy(act, by, opened, of, fresh)
		})
	})
	if err != nil {
		return err
	}
	return p.sync()
}

func (w *writer) setPINBy(act audit.Act, by account, opened *openPIN, of account, fresh *openPIN) error {
	key, err := w.openBox(by, opened)
	if err != nil {
		return err
	}
	defer key.Zero()
	a, err := w.p.readAuth(w.tx, of)
	if err != nil {
		return err
	}
	w.note(audit.Event{Act: act, Who: by.inLog()})
	return w.putPIN(of, a, fresh, key)
}

// expectPIN gives the logins of this process that were made by a PIN the secret of the
// one that is about to take its place as well. settle leaves them one of the two.
func (p *Partition) expectPIN(old, fresh *openPIN) (settle func(changed bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, who := range p.identities {
		if who.openedBy(old.wrap) != nil {
			who.pins = append(who.pins, fresh.clone())
			p.identities[id] = who
		}
	}
	return func(changed bool) {
		gone := fresh.wrap
		if changed {
			gone = old.wrap
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for id, who := range p.identities {
			if opened := who.openedBy(gone); opened != nil {
				who.pins = slices.DeleteFunc(who.pins, func(o *openPIN) bool { return o == opened })
				opened.zero()
				p.identities[id] = who
			}
		}
	}
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
// long.
func pinFlags(so, user auth, policy api.PINPolicy, now time.Time) ck.Flags {
	var flags ck.Flags
	for _, f := range []struct {
		of                           auth
		initialised, low, last, lock ck.Flags
	}{
		{user, ck.CKF_USER_PIN_INITIALIZED, ck.CKF_USER_PIN_COUNT_LOW, ck.CKF_USER_PIN_FINAL_TRY, ck.CKF_USER_PIN_LOCKED},
		{so, 0, ck.CKF_SO_PIN_COUNT_LOW, ck.CKF_SO_PIN_FINAL_TRY, ck.CKF_SO_PIN_LOCKED},
	} {
		if !f.of.initialised() {
			continue
		}
		flags |= f.initialised
		failed := f.of.failed(now)
		if failed > 0 {
			flags |= f.low
		}
		if policy.Tries-failed == 1 {
			flags |= f.last
		}
		if f.of.locked(policy, now) || f.of.held(policy, now) > 0 {
			flags |= f.lock
		}
	}
	return flags
}

// heldFor is how long a PIN is held back, 0 for one that is locked for good.
func (a auth) heldFor(policy api.PINPolicy, now time.Time) time.Duration {
	if a.locked(policy, now) {
		return 0
	}
	return a.held(policy, now)
}

// busy reports whether a login would wait for others.
func (a auth) busy(policy api.PINPolicy, now time.Time) bool {
	return a.initialised() && !a.locked(policy, now) && a.full(policy, now)
}
