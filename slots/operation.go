package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// operation is the place in a session for one kind of operation: empty, or with
// one that is active. This file is the whole of its state machine (section
// 5.2 and the sections of the functions); what the functions differ in is spec.
type operation[O api.Operation] struct {
	op     O
	active bool
	parts  bool // a part has been processed: the one-shot call comes too late

	lent      *task           // the pending call that has it, if any
	mechanism *ck.Mechanism   // what it was started with
	key       api.ObjectID    // the key it uses, if keyed
	handle    ck.ObjectHandle // of the key, 0 if it is not to be offered
	epoch     uint64          // when it was started: App.epoch
	keyed     bool
	private   bool // it ends with the login for another reason
	admitted  bool // a login for this operation alone has been done
}

// activity is an operation of any kind.
type activity interface {
	busy() bool
	// end closes the operation, if there is one.
	end()
	// endPrivate ends it if it uses what the public cannot see.
	endPrivate(p api.Partition)
	// waiting returns the operation if it wants a login of its own, until admit.
	waiting() api.ContextLogin
	admit()
	// pending is the call in the background that has the operation, nil if none has.
	pending() *task
}

// spec is what initialising operations of one kind takes: the place in the
// session, and the partition's method.
type spec[O api.Operation] struct {
	of      func(*session) *operation[O]
	start   func(api.Partition, api.Caller, *ck.Mechanism, api.ObjectID) (O, error)
	keyless bool
	defers  Kind // the kind, if the shell may answer its Inits (deferral.go)
}

// begin is the C_xxxInit functions. A nil mechanism ends the active operation,
// and does nothing if there is none.
//
// The mechanism is the operation's until it ends, or until begin fails.
func begin[O api.Operation](a *App, h ck.SessionHandle, k *spec[O], m *ck.Mechanism, key ck.ObjectHandle) error {
	err := tryBegin(a, h, k, m, key)
	if err != nil {
		release(m)
	}
	return err
}

func tryBegin[O api.Operation](a *App, h ck.SessionHandle, k *spec[O], m *ck.Mechanism, key ck.ObjectHandle) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	p := k.of(s)
	if m == nil {
		p.end()
		return nil
	}
	if p.active {
		return ck.CKR_OPERATION_ACTIVE
	}
	return startOn(a, s, k, m, key)
}

// startOn starts an operation on a session that is locked, where none is active.
func startOn[O api.Operation](a *App, s *session, k *spec[O], m *ck.Mechanism, key ck.ObjectHandle) error {
	var id api.ObjectID
	again := key // what an offer would be for
	if !k.keyless {
		o := a.objects.get(key)
		if o == nil || o.token != s.token {
			return ck.CKR_KEY_HANDLE_INVALID
		}
		if id = o.id; k.defers != NoOperation && !o.mayBeOffered() {
			again = 0
		}
	}
	epoch := a.epoch()
	op, err := k.start(s.token.partition, s.caller(), m, id)
	if err != nil {
		return a.notThere(s, key, err, ck.CKR_KEY_HANDLE_INVALID)
	}
	p := k.of(s)
	p.op, p.active, p.mechanism, p.key, p.keyed = op, true, m, id, !k.keyless // all else is zero
	p.handle, p.epoch = again, epoch
	return nil
}

// release tells the owner of a mechanism, if it has one, that nobody needs it any more.
func release(m *ck.Mechanism) {
	if m != nil && m.Owner != nil {
		m.Owner.Released()
	}
}

// keyError gives the answer that an object does not exist the code that the
// function has for its key.
func keyError(err error, code ck.RV) error {
	if ck.Code(err) == ck.CKR_OBJECT_HANDLE_INVALID {
		return code
	}
	return err
}

// step is a call on an active operation.
type step int

const (
	whole step = iota // C_Encrypt and its like
	part              // C_EncryptUpdate
	last              // C_EncryptFinal
)

// run is the functions that work on an active operation: do makes the call, and
// query says that it only asks for the length. The operation goes on after a
// part, a query, CKR_BUFFER_TOO_SMALL and CKR_PENDING; in all other cases it ends,
// whether well, with an error or in a panic.
//
// A one-shot call after a part is refused with CKR_OPERATION_ACTIVE, and the
// operation goes on: it is the other call that is wrong.
func run[O api.Operation](a *App, h ck.SessionHandle, k *spec[O], st step, query bool, do func(O) (int, error)) (int, error) {
	s, err := a.enter(h)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	p := k.of(s)
	if err := p.ready(st); err != nil {
		return 0, err
	}
	goesOn := false
	defer func() {
		if !goesOn {
			p.end()
		}
	}()
	n, err := do(p.op)
	goesOn = outlives(st, query, err)
	p.parts = p.parts || err == nil && st == part && !query
	if st == whole && err == nil && !goesOn {
		offer(a, s, k.defers, p)
	}
	return told(n, err), err
}

// ready checks that the operation can take a call.
func (p *operation[O]) ready(st step) error {
	switch {
	case !p.active:
		return ck.CKR_OPERATION_NOT_INITIALIZED
	case p.lent != nil, st == whole && p.parts:
		return ck.CKR_OPERATION_ACTIVE
	}
	return nil
}

// outlives reports whether an operation goes on after a call with this result.
func outlives(st step, query bool, err error) bool {
	if err == nil {
		return query || st == part
	}
	rv := ck.Code(err)
	return rv == ck.CKR_BUFFER_TOO_SMALL || rv == ck.CKR_PENDING
}

// told is n where the answer says a length.
func told(n int, err error) int {
	if err == nil || ck.Code(err) == ck.CKR_BUFFER_TOO_SMALL {
		return n
	}
	return 0
}

func (p *operation[O]) busy() bool { return p.active }

func (p *operation[O]) end() {
	if !p.active {
		return
	}
	op, t, m := p.op, p.lent, p.mechanism
	*p = operation[O]{}
	if t != nil {
		t.drop()
	}
	op.Close()
	release(m)
}

func (p *operation[O]) endPrivate(part api.Partition) {
	if p.private || p.keyed && !part.Exists(api.Caller{}, p.key) {
		p.end()
	}
}

func (p *operation[O]) waiting() api.ContextLogin {
	if !p.active || p.admitted || p.lent != nil {
		return nil
	}
	if r, ok := any(p.op).(interface{ waiting() api.ContextLogin }); ok {
		return r.waiting()
	}
	op, _ := any(p.op).(api.ContextLogin)
	return op
}

func (p *operation[O]) admit() { p.admitted = true }

func (p *operation[O]) pending() *task { return p.lent }

// Refuse is for the shell, when it refuses a call for its arguments before it
// has anything to hand on: it returns the code that the application is to see.
// That is what the method itself would have answered without an active
// operation of kind k, or else rv; and the operation then ends, as it does when
// any call on it fails (section 5.8 ff.). With NoOperation only the session is
// looked at. The xxxInit functions do not end an operation: NoOperation.
func (a *App) Refuse(h ck.SessionHandle, k Kind, rv ck.RV) ck.RV {
	s, err := a.enter(h)
	if err != nil {
		return ck.Code(err)
	}
	defer s.leave()
	if op := s.activity(k); op != nil {
		if err := takesCall(op); err != nil {
			return ck.Code(err)
		}
		op.end()
	}
	return rv
}

// takesCall is ready for an activity.
func takesCall(op activity) error {
	switch {
	case !op.busy():
		return ck.CKR_OPERATION_NOT_INITIALIZED
	case op.pending() != nil:
		return ck.CKR_OPERATION_ACTIVE
	}
	return nil
}

// activity returns the place of the operations of kind k, nil if that is
// NoOperation.
func (s *session) activity(k Kind) activity {
	for _, row := range kinds {
		if row.kind == k {
			return row.of(s)
		}
	}
	return nil
}
