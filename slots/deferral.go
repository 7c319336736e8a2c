package slots

import (
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// A call of the shell's from C into Go costs as much as a short message, and most
// messages take two: an Init that starts the same operation as the last one did, and
// the call that does the work. The shell may answer such an Init itself and leave it to
// the second call: this file is how the two agree on it. pkcs11/DEFERRAL.md tells the
// whole of it.
//
// Each session has a note in memory that both sides see. When an operation has gone
// well in one call, the session offers its Init: "if this came now, the answer would be
// CKR_OK". The shell may take the offer, once, and answer so. Whoever locks the session
// next settles it first: an offer that was taken is the operation under way, started
// now; one that was not is withdrawn, since the call may change what it was made for.

// Deferrals is what the shell and an application share. The zero value is ready.
type Deferrals [DeferralRows]Deferral

// DeferralRows is how many sessions have a note. Further ones do without.
const DeferralRows = 1024

// Deferral is the note of one session, on a cache line of its own. Only the session
// changes it, but that the shell takes an offer.
type Deferral struct {
	State     atomic.Uint64 // which offer, in steps of DeferralStep, and what has become of it
	Session   atomic.Uint64 // the handle
	Kind      atomic.Uint64 // of the operation that is offered: a Kind
	Mechanism atomic.Uint64 // its type; there is no parameter
	Key       atomic.Uint64 // its handle, or 0
	Pointer   atomic.Uint64 // the shell's own
	_         [16]byte
}

// What has become of an offer, in the low bits of State. The shell moves Offered to
// Taken, by a compare-and-swap of the whole word: what it has read before is then what
// is offered.
const (
	DeferralNone    = 0
	DeferralOffered = 1
	DeferralTaken   = 2
	DeferralStep    = 4
)

func deferralOf(state uint64) uint64 { return state % DeferralStep }

// NewDeferring is New for a shell that answers Inits by d, which no other application
// has at the time. Every mechanism without a parameter that the application gets is to be
// that of api.MechanismInfo.
func NewDeferring(module api.Module, d *Deferrals) *App {
	a := New(module)
	a.deferrals = d
	return a
}

// deferred is the session's side of its note: the Init that is offered. The session is
// locked.
type deferred struct {
	note      *Deferral
	settled   uint64 // State of the offer that was taken and is settled
	kind      Kind
	mechanism *ck.Mechanism
	key       ck.ObjectHandle
}

// attach gives the session the note of its row, on which nothing is offered: sessions
// leave it so.
func (s *session) attach(a *App) {
	row := uint32(s.handle)
	if a.deferrals == nil || row >= DeferralRows || s.asynchronous() {
		return
	}
	s.deferred.note = &a.deferrals[row]
	s.deferred.note.Session.Store(uint64(s.handle))
}

// detach settles the note for the last time and clears it. The session still has its row.
func (s *session) detach(a *App) {
	s.settle(a)
	note := s.deferred.note
	if note == nil {
		return
	}
	s.deferred = deferred{}
	state := note.State.Load()
	note.State.Store(state - deferralOf(state))
}

// settle starts the operation whose Init the shell has answered, if it has, and withdraws
// the offer otherwise. What has changed since may forbid the operation: then it has
// ended before the first call on it.
func (s *session) settle(a *App) {
	if s.operations == nil || s.deferred.note == nil {
		return
	}
	d := &s.deferred
	state := d.note.State.Load()
	if deferralOf(state) == DeferralOffered && d.note.State.CompareAndSwap(state, state-DeferralOffered) {
		return
	}
	if s.unsettled(DigestOperation) {
		d.settled = d.note.State.Load()
		_ = startOn(a, s, &digestion, d.mechanism, d.key)
	}
}

// offer lets the shell answer the Init of an operation that is ending well.
func (s *session) offer(kind Kind, m *ck.Mechanism, key ck.ObjectHandle) {
	d := &s.deferred
	if kind == NoOperation || d.note == nil || m.Param != nil {
		return
	}
	if d.kind != kind || d.mechanism != m || d.key != key {
		d.kind, d.mechanism, d.key = kind, m, key
		d.note.Kind.Store(uint64(kind))
		d.note.Mechanism.Store(uint64(m.Type))
		d.note.Key.Store(uint64(key))
	}
	d.renew()
}

// renew makes the offer that is on the note once more.
func (d *deferred) renew() {
	state := d.note.State.Load()
	d.note.State.Store(state - deferralOf(state) + DeferralStep + DeferralOffered)
}

// unsettled reports whether an Init of the kind was taken that nobody has settled.
func (s *session) unsettled(kind Kind) bool {
	d := &s.deferred
	state := d.note.State.Load()
	return deferralOf(state) == DeferralTaken && state != d.settled && d.kind == kind
}

// sumTaken is settle and the message of a digest, of which no operation is made. done is
// false if nothing has happened and the message is to go the long way.
func (a *App) sumTaken(h ck.SessionHandle, src, dst []byte) (n int, done bool) {
	if dst == nil || !a.mayBeTaken(h) {
		return 0, false
	}
	s := a.sessions.get(uint64(h))
	if s == nil {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.is(h) || s.operations == nil || s.deferred.note == nil || !s.unsettled(DigestOperation) || s.token.summer == nil {
		return 0, false
	}
	d, before := &s.deferred, s.deferred.settled
	d.settled = d.note.State.Load() // a message that cannot be read ends the operation
	n, err := s.token.summer.Sum(d.mechanism, dst, src)
	if err != nil {
		d.settled = before
		return 0, false
	}
	d.renew()
	return n, true
}

// mayBeTaken looks at the note of h without a lock.
func (a *App) mayBeTaken(h ck.SessionHandle) bool {
	row := uint32(h)
	return a.deferrals != nil && row < DeferralRows && deferralOf(a.deferrals[row].State.Load()) == DeferralTaken
}
