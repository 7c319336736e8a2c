package slots

import (
	"cmp"
	"sync"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// token is what one application has to do with one partition: its sessions, its
// login, which they share, and its object handles.
type token struct {
	slot      ck.SlotID
	partition api.Partition
	summer    api.Summer // the partition, if it is one

	// turn is held while a login or a logout goes on, checking of the PIN
	// included, so that they come one after the other.
	turn sync.Mutex

	// desks have its sessions. What follows is changed with all of them locked, so that it
	// stays as it is for who has one of them locked.
	desks  desks
	frozen bool // it is being initialised, and takes no session
	gone   bool // it is not in its slot any more

	// witness is a session that was found open, at which to look first for whether one is.
	witness atomic.Pointer[session]

	// login is nil while nobody is logged in. It is read without a lock, and may become nil
	// without one.
	login atomic.Pointer[login]

	handles handles
	sweepAt [objectShards]int // handles in a shard, guarded as they are
}

func newToken(s api.Slot) *token {
	summer, _ := s.Partition.(api.Summer)
	return &token{slot: s.ID, partition: s.Partition, summer: summer}
}

// TokenInfo is CK_TOKEN_INFO (section 3.2), the texts without their padding: 32
// bytes of label and manufacturer, 16 of model and serial number in C. Lengths
// are in bytes; a maximum of 0 sessions is CK_EFFECTIVELY_INFINITE.
type TokenInfo struct {
	Label, Manufacturer, Model, Serial               string
	Flags                                            ck.Flags
	MaxSessions, Sessions, MaxRWSessions, RWSessions uint64
	MaxPIN, MinPIN                                   uint64
	TotalPublic, FreePublic                          uint64
	TotalPrivate, FreePrivate                        uint64
}

// What every token says of itself, initialised or not.
const (
	model         = "Coffer"
	tokenFlags    = ck.CKF_RNG | ck.CKF_LOGIN_REQUIRED | ck.CKF_DUAL_CRYPTO_OPERATIONS | ck.CKF_RESTORE_KEY_NOT_NEEDED | ck.CKF_ASYNC_SESSION_SUPPORTED
	blankMinPIN   = 4 // pkcs11-tool asks the token for the lengths before it makes one
	blankMaxPIN   = 255
	noSessionsMax = 0 // CK_EFFECTIVELY_INFINITE
)

// GetTokenInfo is C_GetTokenInfo (section 5.5). It never fails on a slot that
// is listed: the blank slot holds a token without label that is not initialised.
func (a *App) GetTokenInfo(slot ck.SlotID) (TokenInfo, error) {
	pl, err := a.slot(slot)
	if err != nil {
		return TokenInfo{}, err
	}
	defer a.release()
	info := TokenInfo{
		Manufacturer: manufacturer, Model: model, Flags: tokenFlags,
		MaxSessions: noSessionsMax, MaxRWSessions: noSessionsMax,
		MinPIN: blankMinPIN, MaxPIN: blankMaxPIN,
		TotalPublic: ck.Unavailable, FreePublic: ck.Unavailable,
		TotalPrivate: ck.Unavailable, FreePrivate: ck.Unavailable,
	}
	if pl.token != nil {
		pl.token.describe(&info)
	}
	return info, nil
}

func (t *token) describe(info *TokenInfo) {
	p := t.partition.Info()
	info.Label, info.Serial = p.Label, p.Serial
	info.Flags |= p.Flags | ck.CKF_TOKEN_INITIALIZED
	info.MinPIN, info.MaxPIN = uint64(p.MinPIN), uint64(p.MaxPIN)

	t.desks.lock()
	defer t.desks.unlock()
	open, readOnly := t.desks.count()
	info.Sessions = uint64(open)
	info.RWSessions = uint64(open - readOnly)
}

// InitToken is C_InitToken (section 5.5): label is without the padding.
// CKR_SESSION_EXISTS while the application has a session on the slot.
func (a *App) InitToken(slot ck.SlotID, pin []byte, label string) error {
	if err := a.hold(); err != nil {
		return err
	}
	defer a.release()
	a.places.admission.Lock()
	defer a.places.admission.Unlock()
	pl, err := a.places.find(slot)
	switch {
	case err != nil:
		return err
	case pin == nil:
		return ck.CKR_ARGUMENTS_BAD
	case pl.token != nil && !pl.token.freeze():
		return ck.CKR_SESSION_EXISTS
	}
	if pl.token != nil {
		defer pl.token.thaw()
	}
	if err := wrongPIN(pin); err != nil {
		return err
	}
	if err := a.module.InitToken(slot, pin, label); err != nil {
		return notAPIN(err)
	}
	if pl.token != nil {
		a.forgetGone(pl.token, api.Caller{}, a.handles(pl.token))
	}
	a.update()
	return nil
}

// notAPIN gives a PIN that is too short or too long a code that C_InitToken has:
// CKR_PIN_LEN_RANGE is not among them (section 5.5).
func notAPIN(err error) error {
	if ck.Code(err) == ck.CKR_PIN_LEN_RANGE {
		return ck.Errorf(ck.CKR_PIN_INCORRECT, "%w", err)
	}
	return err
}

// freeze keeps sessions away until thaw; it reports whether there is none.
func (t *token) freeze() bool {
	t.desks.lock()
	defer t.desks.unlock()
	open, _ := t.desks.count()
	t.frozen = open == 0
	return t.frozen
}

func (t *token) thaw() {
	t.desks.lock()
	defer t.desks.unlock()
	t.frozen = false
}

// InitPIN is C_InitPIN (section 5.5): CKR_USER_NOT_LOGGED_IN unless the SO is
// logged in.
func (a *App) InitPIN(h ck.SessionHandle, pin []byte) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	if pin == nil {
		return ck.CKR_ARGUMENTS_BAD
	}
	if s.state() != ck.CKS_RW_SO_FUNCTIONS {
		return ck.CKR_USER_NOT_LOGGED_IN
	}
	if err := newPIN(pin); err != nil {
		return err
	}
	return s.token.partition.InitPIN(s.caller(), pin)
}

// SetPIN is C_SetPIN (section 5.5). It changes the PIN of who is logged in, and
// the user's if nobody is. CKR_SESSION_READ_ONLY in a read-only session.
func (a *App) SetPIN(h ck.SessionHandle, old, new []byte) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	if old == nil || new == nil {
		return ck.CKR_ARGUMENTS_BAD
	}
	if !s.readWrite() {
		return ck.CKR_SESSION_READ_ONLY
	}
	if err := cmp.Or(wrongPIN(old), newPIN(new)); err != nil {
		return err
	}
	l := s.token.login.Load()
	switch {
	case l == nil:
		return notUnset(s.token.partition.SetPIN(ck.CKU_USER, old, new))
	case l.name != "":
		return s.token.partition.SetUserPIN(l.name, old, new)
	}
	return s.token.partition.SetPIN(l.user, old, new)
}

// notUnset gives a PIN that has not been set a code that C_SetPIN has: nothing is the
// old one.
func notUnset(err error) error {
	if ck.Code(err) == ck.CKR_USER_PIN_NOT_INITIALIZED {
		return ck.Errorf(ck.CKR_PIN_INCORRECT, "%w", err)
	}
	return err
}
