// Package slots is the meaning of PKCS #11 in plain Go: slots, tokens, sessions,
// handles and active operations, over any api.Module. It has one method for each
// C function; the C shell above it only marshals. Section numbers are those of
// PKCS #11 version 3.2.
//
// # Locks
//
// Any method may be called from any thread. A lock is only taken while those to
// its left are held or none is:
//
//	App.life → events.mu → places.admission → token.turn → session.mu → desk.mu → others
//
// session.mu is held for the whole of a call on a session, so that a second
// call on the same session waits for the first. Whoever takes it settles the session's
// note first (deferral.go); to settle those of others, it is tried for under any lock. Two sessions share nothing on
// the way to a cryptographic operation but atomic reads. To open a session takes
// the lock of a desk alone (desk.go), to close one its own lock and that: programs do both
// for every operation, and a lock costs as much as all the rest.
package slots

import (
	"sync"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// App is one application's use of the module, from C_Initialize to C_Finalize.
//
// Output buffers follow the contract of package api: nil asks for the length,
// an empty buffer that is not nil is a buffer of no bytes, and the returned int
// is what *pulLen is to say when the error is nil or CKR_BUFFER_TOO_SMALL.
//
// Every method answers CKR_CRYPTOKI_NOT_INITIALIZED once Finalize has been
// called, and every method with a session CKR_SESSION_HANDLE_INVALID if there
// is none of that handle. Templates, mechanisms and buffers belong to the
// caller and are not kept, but that an operation may keep its mechanism until
// it ends, and a call that answers CKR_PENDING its mechanism, templates and output
// buffer until AsyncComplete. PINs are not kept.
type App struct {
	module api.Module

	// life is held for reading by the calls that have no session or do not lock
	// it, and for writing by Finalize, which so waits for them; but not by C_OpenSession
	// and C_GenerateRandom, which have nothing that Finalize takes from them.
	life   sync.RWMutex
	closed atomic.Bool
	// asynchronous says that there ever was an asynchronous session.
	asynchronous atomic.Bool

	places   places
	sessions table[session]
	objects  objectTable
	events   events

	deferrals *Deferrals    // nil without a shell that answers Inits
	noted     atomic.Uint32 // above the rows of sessions with a note
	// sums are how to digest what is offered on the note of a row.
	sums *[DeferralRows]atomic.Pointer[api.Sum]
}

// New starts an application on module, which it closes in Finalize.
func New(module api.Module) *App {
	a := &App{module: module}
	a.update()
	a.events.look(module.Slots())
	a.events.pending = nil // what was there before is no event
	return a
}

// Finalize is C_Finalize (section 5.4): it waits for the calls under way, closes
// every session, logs out and closes the module. The second one answers
// CKR_CRYPTOKI_NOT_INITIALIZED. A session that is opened meanwhile is among those
// that it closes, or is not opened.
func (a *App) Finalize() error {
	a.life.Lock()
	defer a.life.Unlock()
	if a.closed.Swap(true) {
		return ck.CKR_CRYPTOKI_NOT_INITIALIZED
	}
	for _, pl := range a.places.all() {
		if pl.token != nil {
			pl.token.desks.pass()
		}
	}
	for _, s := range a.sessions.values() {
		a.closeAndLogOut(s, ck.SessionHandle(s.entry.handle.Load()))
	}
	for _, pl := range a.places.all() {
		if pl.token != nil { // somebody else may have closed the last session
			a.logoutIfDeserted(pl.token)
		}
	}
	return a.module.Close()
}

// hold keeps Finalize away until release.
func (a *App) hold() error {
	a.life.RLock()
	if a.closed.Load() {
		a.life.RUnlock()
		return ck.CKR_CRYPTOKI_NOT_INITIALIZED
	}
	return nil
}

func (a *App) release() { a.life.RUnlock() }
