package slots

import (
	"runtime"
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
type Deferrals struct {
	// Epoch counts what may change whether an Init with a key is answered CKR_OK, in steps
	// of DeferralEpoch; below are the changes that are under way. An offer with a key holds
	// while it is what it was when that was last found out.
	Epoch atomic.Uint64
	_     [56]byte
	Notes [DeferralRows]Deferral
}

// DeferralRows is how many sessions have a note. Further ones do without.
const DeferralRows = 1024

// Deferral is the note of one session, on a cache line of its own. Only the session
// changes it, but that the shell takes an offer, and sumTaken renews it.
type Deferral struct {
	State     atomic.Uint64 // which offer, in steps of DeferralStep, and what has become of it
	Session   atomic.Uint64 // the handle
	Kind      atomic.Uint64 // of the operation that is offered: a Kind
	Mechanism atomic.Uint64 // its type; there is no parameter
	Key       atomic.Uint64 // its handle, or 0
	Epoch     atomic.Uint64 // if there is a key
	Pointer   atomic.Uint64 // the shell's own
	_         [8]byte
}

// What has become of an offer, in the low bits of State. The shell moves Offered to
// Taken, by a compare-and-swap of the whole word: what it has read before is then what
// is offered. In the same way a taken offer is settled, by one only: None in the end, or
// another offer. The shell may put back what it has taken and has not answered yet.
const (
	DeferralNone    = 0
	DeferralOffered = 1
	DeferralTaken   = 2
	DeferralStep    = 4

	deferralStarting = 3 // it was taken, and its operation is being started
)

// DeferralEpoch is more than the changes that can be under way at a time, of which each
// has a thread.
const DeferralEpoch = 1 << 20

func deferralOf(state uint64) uint64 { return state % DeferralStep }

// NewDeferring is New for a shell that answers Inits by d, which no other application
// has at the time. Every mechanism without a parameter that the application gets is to be
// that of api.MechanismInfo.
func NewDeferring(module api.Module, d *Deferrals) *App {
	a := New(module)
	a.deferrals, a.sums = d, new([DeferralRows]atomic.Pointer[api.Sum])
	return a
}

// deferred is the session's side of its note: the Init that is offered. The session is
// locked.
type deferred struct {
	note      *Deferral
	kind      Kind
	mechanism *ck.Mechanism
	key       ck.ObjectHandle
	epoch     uint64
}

// attach gives the session the note of its row, on which nothing is offered: sessions
// leave it so.
func (s *session) attach(a *App) {
	row := uint32(s.handle)
	if a.deferrals == nil || row >= DeferralRows || s.asynchronous() {
		return
	}
	s.deferred.note = &a.deferrals.Notes[row]
	s.deferred.note.Session.Store(uint64(s.handle))
	for n := a.noted.Load(); row >= n && !a.noted.CompareAndSwap(n, row+1); n = a.noted.Load() {
	}
}

// detach settles the note for the last time. The session still has its row.
func (s *session) detach(a *App) {
	s.settle(a)
	s.deferred = deferred{}
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
	for deferralOf(state) != DeferralNone && !d.note.State.CompareAndSwap(state, settled(state)) {
		state = d.note.State.Load()
	}
	if deferralOf(state) == DeferralTaken {
		defer d.note.State.Store(state - DeferralTaken)
		s.startTaken(a)
	}
}

// settled is the State of an offer that is being settled, from state.
func settled(state uint64) uint64 {
	if deferralOf(state) == DeferralTaken {
		return state - DeferralTaken + deferralStarting
	}
	return state - deferralOf(state)
}

// startTaken starts the operation that was offered.
func (s *session) startTaken(a *App) {
	switch d := &s.deferred; d.kind {
	case DigestOperation:
		_ = startOn(a, s, &digestion, d.mechanism, 0)
	case SignOperation:
		_ = startOn(a, s, &signing, d.mechanism, d.key)
	}
}

// offer lets the shell answer the Init of p, an operation that is ending well.
func offer[O api.Operation](a *App, s *session, kind Kind, p *operation[O]) {
	d, m := &s.deferred, p.mechanism
	if kind == NoOperation || d.note == nil || m.Param != nil {
		return
	}
	if d.kind != kind || d.mechanism != m || d.key != p.handle || d.epoch != p.epoch {
		if p.keyed && (p.handle == 0 || p.epoch%DeferralEpoch != 0 || !s.token.repeats(p.key)) {
			return
		}
		d.kind, d.mechanism, d.key, d.epoch = kind, m, p.handle, p.epoch
		d.note.Kind.Store(uint64(kind))
		d.note.Mechanism.Store(uint64(m.Type))
		d.note.Key.Store(uint64(p.handle))
		d.note.Epoch.Store(p.epoch)
		a.sums[uint32(s.handle)].Store(s.summing(kind, m))
	}
	d.note.State.Store(anew(d.note.State.Load()))
}

// anew is the State of the offer after that of state.
func anew(state uint64) uint64 {
	return state - deferralOf(state) + DeferralStep + DeferralOffered
}

// summing is how sumTaken digests, nil if it does not.
func (s *session) summing(kind Kind, m *ck.Mechanism) *api.Sum {
	if kind != DigestOperation || s.token.summer == nil {
		return nil
	}
	return s.token.summer.Summing(m)
}

// repeats reports whether an Init with the key is answered the same until keysChange.
func (t *token) repeats(key api.ObjectID) bool {
	r, ok := t.partition.(api.Repeater)
	return ok && r.Repeats(key)
}

// epoch is what changes of keys count. It is read before an operation is started, whose
// Init is then offered for that epoch, but not if it began while keys changed.
func (a *App) epoch() uint64 {
	if a.deferrals == nil {
		return 0
	}
	return a.deferrals.Epoch.Load()
}

// What is known of an object and offers.
const (
	unoffered = iota // it was in none, so far
	offerable        // an operation was begun with it, which may then be offered
	withheld         // it was in none and will be in none
)

// mayBeOffered comes before an operation is begun with the object and the epoch is read. It
// reports whether the operation may be offered.
func (o *object) mayBeOffered() bool {
	if atomic.LoadUint32(&o.offers) == unoffered {
		atomic.CompareAndSwapUint32(&o.offers, unoffered, offerable)
	}
	return atomic.LoadUint32(&o.offers) == offerable
}

// withhold comes before the object is destroyed: one that was in no offer will be in none,
// as most keys. All threads would wait for one number otherwise. It reports whether the
// object may have been in one; what o is nil for is not known.
func (o *object) withhold() (offered bool) {
	return o == nil || !atomic.CompareAndSwapUint32(&o.offers, unoffered, withheld) && atomic.LoadUint32(&o.offers) == offerable
}

// keysChange is called before keys are destroyed or changed, and keysChanged when they
// are: what was offered before holds no more, and meanwhile no key is offered. Operations
// that have been taken are under way when it returns, as they are where no Init is
// deferred: the shell looks at the epoch after it has taken an offer.
func (a *App) keysChange() {
	if a.deferrals == nil {
		return
	}
	a.deferrals.Epoch.Add(1)
	for row := range a.noted.Load() {
		note := &a.deferrals.Notes[row]
		for note.Key.Load() != 0 && deferralOf(note.State.Load()) >= DeferralTaken && !a.trySettle(note.Session.Load()) {
			runtime.Gosched()
		}
	}
}

// trySettle settles the session with the handle h, if there is one. It reports false if
// somebody else has it locked: who settles it or, having offered an Init, is about to leave
// it, and waits for none of the locks above it meanwhile.
func (a *App) trySettle(h uint64) bool {
	s := a.sessions.get(h)
	if s == nil {
		return true
	}
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	if s.is(ck.SessionHandle(h)) {
		s.settle(a)
	}
	return true
}

func (a *App) keysChanged() {
	if a.deferrals != nil {
		a.deferrals.Epoch.Add(DeferralEpoch - 1)
	}
}

// sumTaken is the message of a digest whose Init was answered by the shell. No operation
// is made, and the session is not locked: the note is enough, and who takes the offer
// off it has the digest to himself. done is false if nothing has happened and the message
// is to go the long way.
func (a *App) sumTaken(h ck.SessionHandle, src, dst []byte) (n int, done bool, err error) {
	row := uint32(h)
	if a.deferrals == nil || row >= DeferralRows {
		return 0, false, nil
	}
	note := &a.deferrals.Notes[row]
	state, sum := note.State.Load(), a.sums[row].Load()
	switch {
	case deferralOf(state) != DeferralTaken, note.Session.Load() != uint64(h), sum == nil, len(dst) < sum.Size:
		return 0, false, nil
	case a.closed.Load(): // the note may be that of the next application
		return 0, false, nil
	}
	// The operation ends here, whatever becomes of it: the message may be where nothing
	// can be read.
	if !note.State.CompareAndSwap(state, anew(state)) {
		return 0, false, nil
	}
	if sum.Do(dst, src) != nil {
		return 0, true, ck.CKR_OPERATION_NOT_INITIALIZED // what the long way says
	}
	return sum.Size, true, nil
}
