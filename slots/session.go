package slots

import (
	"slices"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// session is a session, and after that the next one of the same token with the same
// flags: whoever has looked one up may so go on reading these two, but nothing else
// unless it is locked and has still the handle that was looked up. mu guards what stands
// below it.
type session struct {
	entry *entry[session] // that it is the value of; its handle is 0 when it is closed
	token *token
	flags ck.Flags  // CKF_SERIAL_SESSION, and CKF_RW_SESSION and CKF_ASYNC_SESSION or not
	desk  *desk     // changes only while it is closed
	place rollPlace // desk.mu guards it

	mu     sync.Mutex
	handle ck.SessionHandle  // also its api.SessionID
	made   []ck.ObjectHandle // of objects that calls on this session made

	// The places of operations: nil until the first call that locks the session.
	*operations
}

// SessionInfo is CK_SESSION_INFO (section 3.3).
type SessionInfo struct {
	Slot        ck.SlotID
	State       ck.State
	Flags       ck.Flags
	DeviceError uint64
}

// session looks a handle up. The session may be closed at any time, unless it
// is locked.
func (a *App) session(h ck.SessionHandle) (*session, error) {
	if s := a.sessions.get(uint64(h)); s != nil {
		return s, nil
	}
	return nil, a.absent(ck.CKR_SESSION_HANDLE_INVALID)
}

// absent is why there is no session: rv, unless there is none any more.
func (a *App) absent(rv ck.RV) error {
	if a.closed.Load() {
		return ck.CKR_CRYPTOKI_NOT_INITIALIZED
	}
	return rv
}

// enter looks a handle up and locks the session until leave; nobody closes it
// meanwhile.
func (a *App) enter(h ck.SessionHandle) (*session, error) {
	s := a.sessions.get(uint64(h))
	if s == nil {
		return nil, a.absent(ck.CKR_SESSION_HANDLE_INVALID)
	}
	s.mu.Lock()
	if !s.is(h) {
		s.mu.Unlock()
		return nil, a.absent(ck.CKR_SESSION_CLOSED)
	}
	if s.operations == nil {
		s.operations = idleOperations.Get().(*operations)
		s.attach(a)
	}
	s.settle(a)
	return s, nil
}

// is reports whether s is open with the handle h.
func (s *session) is(h ck.SessionHandle) bool { return s.entry.handle.Load() == uint64(h) }

func (s *session) leave() { s.mu.Unlock() }

func (s *session) readWrite() bool { return s.flags&ck.CKF_RW_SESSION != 0 }

// caller says on whose behalf calls on this session are made now.
func (s *session) caller() api.Caller {
	c := s.token.caller()
	c.Session, c.ReadWrite = api.SessionID(s.handle), s.readWrite()
	return c
}

// state is the session's state (section 5.6): by login, then by access.
func (s *session) state() ck.State {
	l, rw := s.token.login.Load(), s.readWrite()
	switch {
	case l == nil && rw:
		return ck.CKS_RW_PUBLIC_SESSION
	case l == nil:
		return ck.CKS_RO_PUBLIC_SESSION
	case l.user == ck.CKU_SO:
		return ck.CKS_RW_SO_FUNCTIONS
	case rw:
		return ck.CKS_RW_USER_FUNCTIONS
	}
	return ck.CKS_RO_USER_FUNCTIONS
}

// OpenSession is C_OpenSession (section 5.6). CKR_TOKEN_NOT_RECOGNIZED on the
// blank slot, CKR_SESSION_READ_WRITE_SO_EXISTS for a read-only session while
// the SO is logged in. There is no limit to their number.
func (a *App) OpenSession(slot ck.SlotID, flags ck.Flags) (ck.SessionHandle, error) {
	return a.OpenSessionNear(slot, flags, 0)
}

// OpenSessionNear is OpenSession for threads that do so all the time. near is any number,
// which is the same for a thread most of the time and another for another one: those do
// not wait for each other then.
func (a *App) OpenSessionNear(slot ck.SlotID, flags ck.Flags, near uint64) (ck.SessionHandle, error) {
	for {
		pl, err := a.places.find(slot)
		switch {
		case a.closed.Load():
			return 0, ck.CKR_CRYPTOKI_NOT_INITIALIZED
		case err != nil:
			return 0, err
		case flags&ck.CKF_SERIAL_SESSION == 0:
			return 0, ck.CKR_SESSION_PARALLEL_NOT_SUPPORTED
		case pl.token == nil:
			return 0, ck.CKR_TOKEN_NOT_RECOGNIZED
		}
		h, first, err := a.open(pl.token, pl.token.desks.of(near), flags&(ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION|ck.CKF_ASYNC_SESSION))
		if first == nil {
			return h, err
		}
		first(a, pl.token)
	}
}

// open makes a session at a desk of the token; or it returns what has to come first.
func (a *App) open(t *token, d *desk, flags ck.Flags) (h ck.SessionHandle, first func(*App, *token), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case a.closed.Load(): // Finalize does not wait for this call
		return 0, nil, ck.CKR_CRYPTOKI_NOT_INITIALIZED
	case t.gone: // since it was found in the slot: whoever looks again finds what is there now
		return 0, func(*App, *token) {}, nil
	case t.frozen:
		return 0, (*App).settleTokens, nil
	case t.login.Load() != nil && d.open == 0 && a.deserted(t): // who closed the last one is about to log out
		return 0, (*App).endDeserted, nil
	}
	if flags&ck.CKF_RW_SESSION == 0 {
		if l := t.login.Load(); l != nil && l.user == ck.CKU_SO {
			return 0, nil, ck.CKR_SESSION_READ_WRITE_SO_EXISTS
		}
		d.readOnly++
	}
	if flags&ck.CKF_ASYNC_SESSION != 0 {
		a.asynchronous.Store(true)
	}
	s := a.spare(t, d, flags)
	s.handle = ck.SessionHandle(s.entry.next())
	d.sessions.add(s)
	d.open++
	s.entry.admit(uint64(s.handle))
	return s.handle, nil, nil
}

// spare returns a session for d that was closed, there or at another desk, or a new one.
// d.mu is held.
func (a *App) spare(t *token, d *desk, flags ck.Flags) *session {
	kind := kindOf(flags)
	s := d.idle[kind].take()
	if s == nil {
		s = t.desks.give(kind)
	}
	if s == nil {
		s = a.newSession(t, flags)
	}
	s.desk = d
	return s
}

func (a *App) newSession(t *token, flags ck.Flags) *session {
	e := new(entry[session])
	e.value.entry, e.value.token, e.value.flags = e, t, flags
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	a.sessions.seat(e)
	return &e.value
}

// kindOf numbers the flags that sessions differ in.
func kindOf(flags ck.Flags) (kind int) {
	if flags&ck.CKF_RW_SESSION != 0 {
		kind |= 1
	}
	if flags&ck.CKF_ASYNC_SESSION != 0 {
		kind |= 2
	}
	return kind
}

// CloseSession is C_CloseSession (section 5.6). It waits for a call under way
// on the session, or pending. Closing the last session of a token logs out.
func (a *App) CloseSession(h ck.SessionHandle) error {
	s, err := a.session(h)
	if err != nil {
		return err
	}
	closed, last := a.closeSession(s, h)
	if !closed {
		return a.absent(ck.CKR_SESSION_HANDLE_INVALID)
	}
	if last {
		a.endDeserted(s.token)
	}
	return nil
}

// endDeserted is logoutIfDeserted for who does not hold life. If the application ends
// meanwhile, Finalize logs out.
func (a *App) endDeserted(t *token) {
	if a.hold() == nil {
		defer a.release()
		a.logoutIfDeserted(t)
	}
}

// closeSession closes s, which has the handle h, unless another thread does, and reports
// which, and whether that was the last session of a login: the caller then logs out.
// Up to its end the session is locked and has its handle, so that Finalize waits for
// whoever closes one.
func (a *App) closeSession(s *session, h ck.SessionHandle) (closed, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h == 0 || !s.is(h) {
		return false, false
	}
	if s.operations != nil { // or nothing was done that the partition might remember
		a.clearOut(s)
	}
	return true, a.dismiss(s)
}

// clearOut ends all that calls on the session have left. The session is locked.
func (a *App) clearOut(s *session) {
	s.detach(a)
	s.giveUp()
	made := s.made
	s.made = nil
	if slices.ContainsFunc(made, func(h ck.ObjectHandle) bool { return a.objects.get(h).withhold() }) {
		a.keysChange()
		defer a.keysChanged()
	}
	s.token.partition.CloseSession(api.SessionID(s.handle))
	a.forgetGone(s.token, s.token.caller(), made)
}

// dismiss is the opposite of open; it reports whether that was the last one, and somebody
// is logged in. The session is locked, and may be another one from then on.
func (a *App) dismiss(s *session) (last bool) {
	t, d := s.token, s.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	if !s.readWrite() {
		d.readOnly--
	}
	s.entry.dismiss()
	d.sessions.remove(s)
	d.open--
	last = d.open == 0 && t.login.Load() != nil && a.deserted(t)
	if t.gone {
		a.retire(s)
	} else {
		d.idle[kindOf(s.flags)].add(s)
	}
	return last
}

// retire gives up a closed session of a token that is not in its slot any more.
func (a *App) retire(s *session) {
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	a.sessions.unseat(s.entry)
}

// abandon gives up all of them.
func (a *App) abandon(t *token) {
	t.desks.lock()
	defer t.desks.unlock()
	t.gone = true
	for i := range t.desks {
		for kind := range t.desks[i].idle {
			idle := &t.desks[i].idle[kind]
			for s := idle.take(); s != nil; s = idle.take() {
				a.retire(s)
			}
		}
	}
}

// CloseAllSessions is C_CloseAllSessions (section 5.6). A session that another thread opens
// meanwhile stays open, though it may be where a closed one was.
func (a *App) CloseAllSessions(slot ck.SlotID) error {
	if _, err := a.slot(slot); err != nil {
		return err
	}
	defer a.release()
	for _, h := range a.sessions.handles() {
		if s := a.sessions.get(h); s != nil && s.token.slot == slot {
			a.closeAndLogOut(s, ck.SessionHandle(h))
		}
	}
	return nil
}

// closeAndLogOut closes s if it has the handle h, and logs out if it was the last. life is
// held.
func (a *App) closeAndLogOut(s *session, h ck.SessionHandle) {
	if _, last := a.closeSession(s, h); last {
		a.logoutIfDeserted(s.token)
	}
}

// GetSessionInfo is C_GetSessionInfo (section 5.6). It does not wait for a call
// under way on the session.
func (a *App) GetSessionInfo(h ck.SessionHandle) (SessionInfo, error) {
	s, err := a.session(h)
	if err != nil {
		return SessionInfo{}, err
	}
	s.token.forgetStale()
	return SessionInfo{Slot: s.token.slot, State: s.state(), Flags: s.flags}, nil
}

// GetSessionValidationFlags is C_GetSessionValidationFlags (section 5.6). The
// flags are those of validations (CKO_VALIDATION) that the last operation met: a bit
// means what the object says that has it as its CKA_VALIDATION_FLAG. CKR_ARGUMENTS_BAD for
// a type other than CKS_LAST_VALIDATION_OK.
//
// There is no bit to set, not even in approved mode with a validated version of the Go
// Cryptographic Module and an operation that is all its own:
//
//   - Validation objects describe the validations that the PKCS #11 module conforms to
//     (the section of CKO_VALIDATION). That module is Coffer, which has none: what a
//     certificate says of a module inside it is not said of what holds its keys, checks
//     who may use them and gives it its parameters.
//   - Whether a service was an approved one is for the validated module to say (FIPS 140-3
//     IG 2.4.C). The Go Cryptographic Module has such an indicator, but the standard
//     library does not hand it on: package crypto/fips140 tells the mode and the version
//     only. A list kept here would be a guess at it, where a wrong yes does harm.
//
// So it is coffer status that tells the mode, the version of that module, its certificate
// if it has one, and whether Coffer's own code takes its place.
func (a *App) GetSessionValidationFlags(h ck.SessionHandle, kind uint64) (ck.Flags, error) {
	if _, err := a.session(h); err != nil {
		return 0, err
	}
	if kind != ck.CKS_LAST_VALIDATION_OK {
		return 0, ck.CKR_ARGUMENTS_BAD
	}
	return 0, nil
}

// SessionCancel is C_SessionCancel (section 5.6): it ends the operations that
// flags name (CKF_ENCRYPT, CKF_FIND_OBJECTS...), and waits for pending calls on
// them. Flags of operations that are not active or not known are passed over, and so
// nothing ends where there are none.
func (a *App) SessionCancel(h ck.SessionHandle, flags ck.Flags) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	for _, k := range kinds {
		if flags&k.flag != 0 {
			k.of(s).end()
		}
	}
	return nil
}

// GetFunctionStatus is C_GetFunctionStatus (section 5.20), of the days when
// functions ran in parallel: CKR_FUNCTION_NOT_PARALLEL.
func (a *App) GetFunctionStatus(h ck.SessionHandle) error {
	if _, err := a.session(h); err != nil {
		return err
	}
	return ck.CKR_FUNCTION_NOT_PARALLEL
}

// CancelFunction is C_CancelFunction (section 5.20): as GetFunctionStatus.
func (a *App) CancelFunction(h ck.SessionHandle) error { return a.GetFunctionStatus(h) }
