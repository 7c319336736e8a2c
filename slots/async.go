package slots

import (
	"bytes"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Asynchronous sessions (section 5.21, "Asynchronous function management
// functions"). On a session with CKF_ASYNC_SESSION, GenerateKey, GenerateKeyPair,
// Sign and SignFinal answer CKR_PENDING and go on in the background; AsyncComplete
// hands out what came of it. Everything that can be answered at once is: a bad
// handle or mechanism, the question for a length, a buffer too small.
//
// A pending call has the operation that it works on: until it is completed, other
// calls on that operation answer CKR_OPERATION_ACTIVE, and so does the same
// generating function. Other operations of the session go on beside it.
//
// Whatever ends operations ends a pending call: it waits for the work, which is not
// interrupted, wipes the result, and destroys keys that were made; AsyncGetID
// (async_saved.go) keeps them from that. Work in the background takes no lock of this package, so that waiting for it is safe under any.

// task is a call in the background. The fields after done are its result, to be
// read once done is closed.
type task struct {
	function string // the name, as C_AsyncComplete has it
	dst      []byte // the caller's output buffer, untouched until AsyncComplete

	done chan struct{}
	out  []byte
	err  error
}

// start does work in the background.
func start(function string, dst []byte, work func() ([]byte, error)) *task {
	t := &task{function: function, dst: dst, done: make(chan struct{})}
	go t.run(work)
	return t
}

// run keeps a panic to itself, as nobody else is there to contain it.
func (t *task) run(work func() ([]byte, error)) {
	defer close(t.done)
	defer func() {
		if recover() != nil {
			t.err = ck.CKR_GENERAL_ERROR
		}
	}()
	t.out, t.err = work()
}

func (t *task) finished() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// drop waits for the work and wipes its output.
func (t *task) drop() {
	<-t.done
	clear(t.out)
}

// later answers whether a call with the output dst is to be done in the background:
// it returns the session then, nil otherwise.
func (a *App) later(h ck.SessionHandle, dst []byte) *session {
	if dst == nil || !a.asynchronous.Load() {
		return nil
	}
	if s := a.sessions.get(uint64(h)); s != nil && s.asynchronous() {
		return s
	}
	return nil
}

func (s *session) asynchronous() bool { return s.flags&ck.CKF_ASYNC_SESSION != 0 }

// maxKept is the longest input in bytes that is copied for the background.
const maxKept = 1 << 30

// keep copies an input, which is the caller's again when the call has returned.
// Its last byte is read first: a length that lies is to be a fault before memory is
// asked for.
func keep(src []byte) ([]byte, error) {
	switch {
	case len(src) == 0:
		return nil, nil
	case len(src) > maxKept:
		return nil, ck.CKR_HOST_MEMORY
	}
	clear(bytes.Clone(src[len(src)-1:]))
	return bytes.Clone(src), nil
}

// signLater is run for Sign and SignFinal in the background. The length of the
// output is asked for here and now, since a buffer that is too small must not be
// told of later.
func signLater(a *App, s *session, h ck.SessionHandle, function string, st step, src, dst []byte, do func(op api.Signer, dst, src []byte) (int, error)) (int, error) {
	return run(a, h, &signing, st, false, func(op api.Signer) (int, error) {
		n, err := do(op, nil, src)
		switch {
		case err != nil:
			return 0, err
		case len(dst) < n:
			return n, ck.CKR_BUFFER_TOO_SMALL
		}
		data, err := keep(src)
		if err != nil {
			return 0, err
		}
		s.sign.lent = start(function, dst, func() ([]byte, error) {
			defer clear(data)
			out := make([]byte, n)
			n, err := do(op, out, data)
			if err != nil {
				clear(out)
				return nil, err
			}
			return out[:n], nil
		})
		return 0, ck.CKR_PENDING
	})
}

func signWhole(op api.Signer, dst, src []byte) (int, error) { return op.OneShot(dst, src) }
func signLast(op api.Signer, dst, _ []byte) (int, error)    { return op.Final(dst) }

// generation is a call in the background that makes keys, seen as an operation, so
// that all that ends operations ends it too.
type generation struct {
	app   *App
	token *token
	who   api.Caller
	made  []api.ObjectID // that nobody has a handle of yet, but who has searched for them
}

// Close destroys keys that nobody has asked for. Another session may use one that it has
// found.
func (g *generation) Close() {
	if len(g.made) == 0 {
		return
	}
	g.app.keysChange()
	defer g.app.keysChanged()
	for _, id := range g.made {
		err := g.token.partition.DestroyObject(g.who, id) // there is nobody to tell
		if h, ok := g.app.oldHandle(g.token, id); ok && err == nil {
			g.app.forget(h)
		}
	}
}

// generateLater starts do in the background. What is done under a login ends with it.
func (s *session) generateLater(a *App, p *operation[*generation], function string, do func(api.Partition, api.Caller) ([]api.ObjectID, error)) error {
	if p.active {
		return ck.CKR_OPERATION_ACTIVE
	}
	g := &generation{app: a, token: s.token, who: s.caller()}
	*p = operation[*generation]{op: g, active: true, private: g.who.Identity != 0}
	p.lent = start(function, nil, func() (_ []byte, err error) {
		g.made, err = do(g.token.partition, g.who)
		return nil, err
	})
	return ck.CKR_PENDING
}

// whatWasMade is ids if there was no error.
func whatWasMade(err error, ids ...api.ObjectID) ([]api.ObjectID, error) {
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// handOut gives handles to the keys that g has made, as madeAll does.
func (a *App) handOut(s *session, g *generation) ([2]ck.ObjectHandle, error) {
	made := g.made
	g.made = nil
	return a.madeAll(s, made)
}

// AsyncResult is CK_ASYNC_DATA (section 3.6): the output buffer that the call was
// given, nil if it has none, the number of bytes written to it, and the handles of
// the key, or of the public and the private key, that it has made.
type AsyncResult struct {
	Buffer             []byte
	Length             int
	Object, Additional ck.ObjectHandle
}

// AsyncComplete is C_AsyncComplete (section 5.21). CKR_OPERATION_NOT_INITIALIZED if
// no call of that function is pending on the session, CKR_PENDING while it is not
// done; there is no result then. All else is the answer of the function, with the
// result, and given once.
func (a *App) AsyncComplete(h ck.SessionHandle, function string) (*AsyncResult, error) {
	s, err := a.enter(h)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	p := s.pendingIn(function)
	if p == nil {
		return nil, ck.CKR_OPERATION_NOT_INITIALIZED
	}
	t := p.pending()
	if !t.finished() {
		return nil, ck.CKR_PENDING
	}
	defer p.end()
	r := &AsyncResult{Buffer: t.dst}
	if t.err != nil {
		return r, t.err
	}
	r.Length = copy(t.dst, t.out)
	if p, ok := p.(*operation[*generation]); ok {
		var made [2]ck.ObjectHandle
		made, err = a.handOut(s, p.op)
		r.Object, r.Additional = made[0], made[1]
	}
	return r, err
}

// pendingIn finds the operation that a pending call of the function has, nil if
// there is none.
func (s *session) pendingIn(function string) activity {
	for _, k := range kinds {
		if p := k.of(s); p.pending() != nil && p.pending().function == function {
			return p
		}
	}
	return nil
}
