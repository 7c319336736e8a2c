package slots_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// shell does with notes what the shell in C does.
type shell struct {
	app   *slots.App
	notes *slots.Deferrals
	taken atomic.Int32
	hash  ck.MechanismType // of the digests
}

// newShell is an application on the real module that shares notes with a shell.
func newShell(t testing.TB) *shell { return newShellOn(t, openModule(t)) }

func newShellOn(t testing.TB, m api.Module) *shell { return newShellWith(t, m, new(slots.Deferrals)) }

func newShellWith(t testing.TB, m api.Module, notes *slots.Deferrals) *shell {
	w := newWorld(m)
	s := &shell{notes: notes, hash: ck.CKM_SHA256}
	s.app = slots.NewDeferring(w.module, s.notes)
	w.app = s.app
	if err := w.setup(args{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.app.Finalize() })
	return s
}

// take takes the offer of an Init, if there is one.
func (s *shell) take(h ck.SessionHandle, kind slots.Kind, m ck.MechanismType, key ck.ObjectHandle) bool {
	row := uint32(h)
	if row >= slots.DeferralRows {
		return false
	}
	n := &s.notes.Notes[row]
	state, epoch := n.State.Load(), s.notes.Epoch.Load()
	if state%slots.DeferralStep != slots.DeferralOffered || n.Session.Load() != uint64(h) ||
		n.Kind.Load() != uint64(kind) || n.Mechanism.Load() != uint64(m) || n.Key.Load() != uint64(key) || key != 0 && n.Epoch.Load() != epoch {
		return false
	}
	taken := state - slots.DeferralOffered + slots.DeferralTaken
	if !n.State.CompareAndSwap(state, taken) {
		return false
	}
	if key != 0 && s.notes.Epoch.Load() != epoch && n.State.CompareAndSwap(taken, state) {
		return false
	}
	s.taken.Add(1)
	return true
}

// bare is the mechanism without a parameter, as the shell has it.
func (s *shell) bare(t ck.MechanismType) *ck.Mechanism {
	info, ok := s.app.Mechanism(t)
	if !ok {
		panic(t)
	}
	return info.Bare
}

func (s *shell) digestInit(h ck.SessionHandle) error {
	if s.take(h, slots.DigestOperation, s.hash, 0) {
		return nil
	}
	return s.app.DigestInit(h, s.bare(s.hash))
}

// digest is a whole message; what comes of it is told.
func (s *shell) digest(h ck.SessionHandle, room int) string {
	dst := make([]byte, room)
	n, err := s.app.Digest(h, []byte("message"), dst)
	return fmt.Sprintf("%d %v %x", n, ck.Code(err), dst)
}

// A client has begun a digest; which of two ways, it cannot tell.
type client struct {
	*shell
	t *testing.T
	h ck.SessionHandle
}

func (c *client) codes(errs ...error) string {
	var list []string
	for _, err := range errs {
		list = append(list, ck.Code(err).String())
	}
	return strings.Join(list, " ") + " then " + c.digest(c.h, 32)
}

func (c *client) final() string {
	dst := make([]byte, 32)
	n, err := c.app.DigestFinal(c.h, dst)
	return fmt.Sprintf("%d %v %x", n, ck.Code(err), dst)
}

// afterInit are the calls that may follow an Init. Each ends with a message.
var afterInit = map[string]func(c *client) string{
	"the message":               func(c *client) string { return c.codes() },
	"two messages":              func(c *client) string { return c.digest(c.h, 32) + c.codes() },
	"another Init":              func(c *client) string { return c.codes(c.app.DigestInit(c.h, c.bare(c.hash))) },
	"the same Init":             func(c *client) string { return c.codes(c.digestInit(c.h)) },
	"an Init of another kind":   func(c *client) string { return c.codes(c.app.DigestInit(c.h, c.bare(ck.CKM_SHA512))) },
	"an Init without mechanism": func(c *client) string { return c.codes(c.app.DigestInit(c.h, nil)) },
	"no room":                   func(c *client) string { return c.digest(c.h, 31) + c.codes() },
	"cancelled":                 func(c *client) string { return c.codes(c.app.SessionCancel(c.h, ck.CKF_DIGEST)) },
	"another cancelled":         func(c *client) string { return c.codes(c.app.SessionCancel(c.h, ck.CKF_SIGN)) },
	"refused":                   func(c *client) string { return c.codes(c.app.Refuse(c.h, slots.DigestOperation, ck.CKR_ARGUMENTS_BAD)) },
	"refused elsewhere":         func(c *client) string { return c.codes(c.app.Refuse(c.h, slots.NoOperation, ck.CKR_ARGUMENTS_BAD)) },
	"closed":                    func(c *client) string { return c.codes(c.app.CloseSession(c.h)) },
	"all closed":                func(c *client) string { return c.codes(c.app.CloseAllSessions(1)) },
	"another closed":            func(c *client) string { return c.codes(c.app.CloseSession(open(c.t, c.app, "rw"))) },
	"the last part at once":     func(c *client) string { return c.final() + c.codes() },
	"no key":                    func(c *client) string { return c.codes(c.app.DigestKey(c.h, 99)) },
	"logged out": func(c *client) string {
		return c.codes(c.app.Login(c.h, ck.CKU_SO, []byte("sopin")), c.app.Logout(c.h))
	},
	"the length": func(c *client) string {
		n, err := c.app.Digest(c.h, []byte("message"), nil)
		return fmt.Sprint(n, err) + c.codes()
	},
	"parts": func(c *client) string {
		err := c.app.DigestUpdate(c.h, []byte("mess"))
		return fmt.Sprint(err) + c.final() + c.codes()
	},
	"a message after a part": func(c *client) string {
		err := c.app.DigestUpdate(c.h, []byte("mess"))
		return c.codes(err) + c.final()
	},
	"two operations at once": func(c *client) string {
		_, err := c.app.DigestEncryptUpdate(c.h, []byte("mess"), make([]byte, 99))
		return c.codes(err)
	},
	"saved": func(c *client) string {
		state := make([]byte, 4096)
		n, err := c.app.GetOperationState(c.h, state)
		first := c.codes(err)
		return first + c.codes(c.app.SetOperationState(c.h, state[:n], 0, 0))
	},
	"the session's state": func(c *client) string {
		info, err := c.app.GetSessionInfo(c.h)
		return fmt.Sprint(info, err) + c.codes()
	},
}

// An Init that the shell has answered is as good as any: whatever follows, the answers
// are those to an Init that has gone the long way. Of SHA-3 there is no Sum.
func TestDeferralIsNotSeen(t *testing.T) {
	for _, hash := range []ck.MechanismType{ck.CKM_SHA256, ck.CKM_SHA3_256} {
		s := newShell(t)
		s.hash = hash
		for name, follow := range afterInit {
			if with, without := s.tell(t, follow, true), s.tell(t, follow, false); with != without {
				t.Errorf("%v, %s: with a shell\n%s\nand without\n%s", hash, name, with, without)
			}
		}
	}
}

// tell is what comes of calls after an Init that the shell has answered, or not.
func (s *shell) tell(t *testing.T, follow func(*client) string, deferred bool) string {
	c := &client{s, t, open(t, s.app, "rw")}
	defer func() { _ = s.app.CloseAllSessions(1) }()
	for range 2 {
		if err := c.digestInit(c.h); err != nil {
			t.Fatal(err)
		}
		c.digest(c.h, 32)
	}
	before, init := s.taken.Load(), c.digestInit
	if !deferred {
		init = func(h ck.SessionHandle) error { return s.app.DigestInit(h, s.bare(s.hash)) }
	}
	if err := init(c.h); err != nil {
		t.Fatal(err)
	}
	if took := s.taken.Load() > before; took != deferred {
		t.Fatalf("the shell has taken the offer: %v", took)
	}
	return follow(c)
}

// What is offered is what has just gone well, whole and as it was; every call on the
// session but a message takes the offer back.
func TestDeferralIsOffered(t *testing.T) {
	s := newShell(t)
	h := open(t, s.app, "rw")
	sha := func(h ck.SessionHandle) bool { return s.take(h, slots.DigestOperation, ck.CKM_SHA256, 0) }
	message := func(h ck.SessionHandle, src, dst []byte) error {
		_, err := s.app.Digest(h, src, dst)
		return err
	}
	begin := func(h ck.SessionHandle) error { return s.app.DigestInit(h, s.bare(ck.CKM_SHA256)) }
	async := open(t, s.app, "async")
	for _, c := range []struct {
		name  string
		offer bool
		do    func() error
	}{
		{"nothing", false, func() error { return nil }},
		{"Init", false, func() error { return begin(h) }},
		{"a length", false, func() error { return message(h, nil, nil) }},
		{"a message", true, func() error { return message(h, nil, make([]byte, 32)) }},
		{"the Init that was taken", false, func() error { return nil }},
		{"a message for it", true, func() error { return message(h, nil, make([]byte, 32)) }},
		{"parts", false, func() error { _, err := s.app.DigestFinal(h, make([]byte, 32)); return err }},
		{"another session", false, func() error {
			return errors.Join(begin(h), message(h, nil, make([]byte, 32)), s.app.SessionCancel(h, 0))
		}},
		{"an asynchronous session", false, func() error { return errors.Join(begin(async), message(async, nil, make([]byte, 32))) }},
	} {
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if s.take(h, slots.SignOperation, ck.CKM_SHA256, 0) || s.take(h, slots.DigestOperation, ck.CKM_SHA512, 0) ||
			s.take(h, slots.DigestOperation, ck.CKM_SHA256, 1) || s.take(h+1<<32, slots.DigestOperation, ck.CKM_SHA256, 0) || sha(async) {
			t.Errorf("%s: another Init is offered", c.name)
		}
		if got := sha(h); got != c.offer {
			t.Errorf("%s: offered: %v", c.name, got)
		}
	}
}

// Sessions beyond the notes do without, and the next session in a row begins anew.
func TestDeferralRows(t *testing.T) {
	s := newShell(t)
	var last ck.SessionHandle
	for range slots.DeferralRows + 1 {
		last = open(t, s.app, "ro")
	}
	for range 3 {
		if err := s.digestInit(last); err != nil {
			t.Fatal(err)
		}
		s.digest(last, 32)
	}
	if err := s.app.CloseAllSessions(1); err != nil || s.taken.Load() != 0 {
		t.Fatalf("%v; %d Inits were taken", err, s.taken.Load())
	}
	for range 3 {
		h := open(t, s.app, "ro")
		for uint32(h) >= slots.DeferralRows {
			h = open(t, s.app, "ro")
		}
		for i := range 3 {
			if got := s.take(h, slots.DigestOperation, ck.CKM_SHA256, 0); got != (i > 0) {
				t.Errorf("message %d on a new session: offered: %v", i, got)
			} else if !got {
				_ = s.app.DigestInit(h, s.bare(ck.CKM_SHA256))
			}
			s.digest(h, 32)
		}
		_ = s.app.DigestInit(h, s.bare(ck.CKM_SHA256))
		if err := s.app.CloseSession(h); err != nil {
			t.Fatal(err)
		}
	}
}

// Threads that open, use and close sessions, some of them the same ones: every digest
// that comes out is right, on one's own session each message gets one, and of the
// Inits on the shared session no more go well than operations end.
func TestDeferralOfThreads(t *testing.T) {
	s := newShell(t)
	keep, shared := open(t, s.app, "ro"), open(t, s.app, "ro")
	_ = keep // the token has always a session
	var begun, ended atomic.Int32
	var all sync.WaitGroup
	for i := range threads {
		all.Go(func() {
			for n := range 50 {
				s.ownSession(t, fmt.Appendf(nil, "%d of %d", n, i))
				if s.digestInit(shared) == nil {
					begun.Add(1)
				}
				if got := make([]byte, 32); n%2 == 0 {
					if _, err := s.app.Digest(shared, []byte("shared"), got); err == nil {
						ended.Add(1)
						if want := sha256.Sum256([]byte("shared")); !bytes.Equal(got, want[:]) {
							t.Errorf("the shared session's digest is %x", got)
						}
					}
				}
			}
		})
	}
	all.Wait()
	if s.app.DigestUpdate(shared, nil) == nil {
		ended.Add(1)
	}
	if begun.Load() != ended.Load() {
		t.Errorf("%d operations were begun on the shared session, %d ended", begun.Load(), ended.Load())
	}
	if s.taken.Load() == 0 {
		t.Error("no Init was taken")
	}
}

// ownSession is a session that nobody else knows.
func (s *shell) ownSession(t *testing.T, text []byte) {
	h, err := s.app.OpenSession(1, openFlags["rw"])
	if err != nil {
		t.Error(err)
		return
	}
	want := sha256.Sum256(text)
	for range 4 {
		got := make([]byte, 32)
		if err := s.digestInit(h); err != nil {
			t.Error(err)
		}
		if _, err := s.app.Digest(h, text, got); err != nil || !bytes.Equal(got, want[:]) {
			t.Errorf("%x, %v", got, err)
		}
	}
	if err := s.digestInit(h); err != nil {
		t.Error(err)
	}
	if err := s.app.CloseSession(h); err != nil {
		t.Error(err)
	}
}
