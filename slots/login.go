package slots

import (
	"cmp"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// login is who is logged in to a token, for all sessions of the application
// (section 5.6).
type login struct {
	identity api.Identity
	user     ck.UserType
	name     string // of a user who has one
}

// caller is who is logged in, on no session.
func (t *token) caller() api.Caller {
	if l := t.login.Load(); l != nil {
		return api.Caller{Identity: l.identity}
	}
	return api.Caller{}
}

// Login is C_Login (section 5.6). The codes, besides those of the PIN:
// CKR_USER_TYPE_INVALID; CKR_ARGUMENTS_BAD if pin is nil, as there is no other
// way to log in; CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
// CKR_SESSION_READ_ONLY_EXISTS for the SO. CKU_CONTEXT_SPECIFIC lets the
// operations of the session whose keys have CKA_ALWAYS_AUTHENTICATE go on:
// CKR_OPERATION_NOT_INITIALIZED if none waits for it.
func (a *App) Login(h ck.SessionHandle, user ck.UserType, pin []byte) error {
	return a.LoginUser(h, user, pin, nil)
}

// LoginUser is C_LoginUser (section 5.6): Login of the user with a name; with an empty
// name it is Login. A name that nobody has is answered as a wrong PIN is, which also
// holds for any name of an SO. CKU_CONTEXT_SPECIFIC is for who is logged in, so that
// any other name, where one is given, is CKR_USER_ANOTHER_ALREADY_LOGGED_IN.
//
// CKR_USER_TOO_MANY_TYPES is never the answer: an application has one login, and there
// may be any number of applications.
func (a *App) LoginUser(h ck.SessionHandle, user ck.UserType, pin, name []byte) error {
	if err := a.hold(); err != nil {
		return err
	}
	defer a.release()
	s, err := a.session(h)
	switch {
	case err != nil:
		return err
	case user > ck.CKU_CONTEXT_SPECIFIC:
		return ck.CKR_USER_TYPE_INVALID
	case pin == nil:
		return ck.CKR_ARGUMENTS_BAD
	case user == ck.CKU_CONTEXT_SPECIFIC:
		return a.contextLogin(s, h, pin, string(name))
	}
	return s.token.logIn(s, h, login{user: user, name: string(name)}, pin)
}

// forgetStale forgets a login that the partition has ended by itself.
func (t *token) forgetStale() {
	if l := t.login.Load(); l != nil && !t.partition.LoggedIn(l.identity) {
		t.login.CompareAndSwap(l, nil)
	}
}

// logIn checks the PIN with no desk locked, as that takes long. What the answer
// depends on may change meanwhile, so it is looked at before and after.
func (t *token) logIn(s *session, h ck.SessionHandle, l login, pin []byte) (err error) {
	t.turn.Lock()
	defer t.turn.Unlock()
	t.forgetStale()
	if err := cmp.Or(t.commit(s, h, l), wrongPIN(pin)); err != nil {
		return err
	}
	if l.identity, err = t.partition.LoginUser(l.user, l.name, pin); err != nil {
		return err
	}
	if err := t.commit(s, h, l); err != nil {
		_ = t.partition.Logout(l.identity) // err tells more
		return err
	}
	return nil
}

// commit checks that the user of l may log in on s with the handle h, and makes l the login if it has an
// identity.
func (t *token) commit(s *session, h ck.SessionHandle, l login) error {
	t.desks.lock()
	defer t.desks.unlock()
	now := t.login.Load()
	_, readOnly := t.desks.count()
	switch {
	case !s.is(h):
		return ck.CKR_SESSION_CLOSED
	case now != nil && now.user == l.user && now.name == l.name:
		return ck.CKR_USER_ALREADY_LOGGED_IN
	case now != nil:
		return ck.CKR_USER_ANOTHER_ALREADY_LOGGED_IN
	case l.user == ck.CKU_SO && readOnly > 0:
		return ck.CKR_SESSION_READ_ONLY_EXISTS
	}
	if l.identity != 0 {
		t.login.Store(&l)
	}
	return nil
}

// contextLogin hands pin to each operation of s that waits for it. A PIN that
// got locked by it, if only for a while, also logs the user out.
func (a *App) contextLogin(s *session, h ck.SessionHandle, pin []byte, name string) error {
	err := a.authenticate(h, pin, name)
	if ck.Code(err) == ck.CKR_PIN_LOCKED {
		_ = a.logOut(s.token) // err tells more
	}
	return err
}

func (a *App) authenticate(h ck.SessionHandle, pin []byte, name string) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	waiting := false
	l := s.token.login.Load()
	for _, k := range kinds {
		op := k.of(s).waiting()
		if op == nil {
			continue
		}
		waiting = true
		if name != "" && l != nil && l.name != name {
			return ck.CKR_USER_ANOTHER_ALREADY_LOGGED_IN
		}
		if err := wrongPIN(pin); err != nil {
			return err
		}
		if err := op.Authenticate(pin); err != nil {
			return err
		}
		k.of(s).admit()
	}
	if !waiting {
		return ck.CKR_OPERATION_NOT_INITIALIZED
	}
	return nil
}

// Logout is C_Logout (section 5.6): CKR_USER_NOT_LOGGED_IN if nobody is. The
// handles of private objects become invalid for good, and the operations that
// use them end, in all sessions with the token.
func (a *App) Logout(h ck.SessionHandle) error {
	if err := a.hold(); err != nil {
		return err
	}
	defer a.release()
	s, err := a.session(h)
	if err != nil {
		return err
	}
	return a.logOut(s.token)
}

func (a *App) logOut(t *token) error {
	t.turn.Lock()
	defer t.turn.Unlock()
	t.forgetStale()
	l, sessions := t.endLogin(true)
	if l == nil {
		return ck.CKR_USER_NOT_LOGGED_IN
	}
	return a.cleanUp(t, l, sessions)
}

// logoutIfDeserted logs out if there is no session left.
func (a *App) logoutIfDeserted(t *token) {
	t.turn.Lock()
	defer t.turn.Unlock()
	if l, _ := t.endLogin(false); l != nil {
		_ = a.cleanUp(t, l, nil) // the session is closed all the same
	}
}

// endLogin makes the token public, but not if it has sessions and inUse is
// false. It returns the login that was, nil if there was none, and the sessions.
// Calls that start from now on are made by the public.
func (t *token) endLogin(inUse bool) (*login, []*session) {
	t.desks.lock()
	defer t.desks.unlock()
	if open, _ := t.desks.count(); open > 0 && !inUse {
		return nil, nil
	}
	return t.login.Swap(nil), t.desks.sessions()
}

// cleanUp ends what the identity alone might use here, and then the identity in the
// partition, which wipes the keys: so it waits for every call that had started under
// the login first. A signature under a key that is being wiped would tell of it.
// turn is held: nobody logs in meanwhile.
func (a *App) cleanUp(t *token, l *login, sessions []*session) error {
	a.keysChange()
	defer a.keysChanged()
	for _, s := range sessions {
		s.mu.Lock()
		s.settle(a)
		s.endPrivate()
		s.mu.Unlock()
	}
	err := t.partition.Logout(l.identity)
	a.forgetGone(t, api.Caller{}, a.handles(t))
	return err
}
