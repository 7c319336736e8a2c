package slots_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

const threads = 16

// together runs work in all threads and waits for them.
func together(work func(thread int)) {
	var wg sync.WaitGroup
	for i := range threads {
		wg.Go(func() { work(i) })
	}
	wg.Wait()
}

// Each thread on a session of its own gets its own results.
func TestThreadsApart(t *testing.T) {
	w := newTestWorld(t)
	together(func(i int) {
		for n := range 50 {
			h, err := w.app.OpenSession(1, openFlags["rw"])
			if err != nil {
				t.Error(err)
				return
			}
			text := fmt.Appendf(nil, "%d of %d", n, i)
			got := make([]byte, sha256.Size)
			if err := w.app.DigestInit(h, &ck.Mechanism{Type: ck.CKM_SHA256}); err != nil {
				t.Error(err)
			}
			if _, err := w.app.Digest(h, text, got); err != nil {
				t.Error(err)
			}
			if want := sha256.Sum256(text); !bytes.Equal(got, want[:]) {
				t.Errorf("digest of %q is wrong", text)
			}
			if err := w.app.CloseSession(h); err != nil {
				t.Error(err)
			}
		}
	})
}

// All threads on one session: who comes second waits. The parts of a digest
// arrive in some order, each of them once.
func TestThreadsOnOneSession(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "ro")
	if err := w.app.DigestInit(h, &ck.Mechanism{Type: ck.CKM_SHA256}); err != nil {
		t.Fatal(err)
	}
	const parts = 100
	together(func(int) {
		for range parts {
			if err := w.app.DigestUpdate(h, []byte("same")); err != nil {
				t.Error(err)
			}
		}
	})
	got := make([]byte, sha256.Size)
	if _, err := w.app.DigestFinal(h, got); err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256(bytes.Repeat([]byte("same"), parts*threads)); !bytes.Equal(got, want[:]) {
		t.Error("parts were lost or torn")
	}
}

// One Init of all that are called at once wins, and one Final.
func TestThreadsRaceForAnOperation(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "ro")
	for range 50 {
		var begun, ended atomic.Int32
		together(func(int) {
			switch err := w.app.FindObjectsInit(h, nil); ck.Code(err) {
			case ck.CKR_OK:
				begun.Add(1)
			case ck.CKR_OPERATION_ACTIVE:
			default:
				t.Error(err)
			}
		})
		together(func(int) {
			if w.app.FindObjectsFinal(h) == nil {
				ended.Add(1)
			}
		})
		if begun.Load() != 1 || ended.Load() != 1 {
			t.Fatalf("%d began, %d ended", begun.Load(), ended.Load())
		}
	}
}

// One login of all that are tried at once wins.
func TestThreadsRaceForTheLogin(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "rw")
	for range 50 {
		var in, out atomic.Int32
		together(func(int) {
			if w.app.Login(h, ck.CKU_USER, []byte("userpin")) == nil {
				in.Add(1)
			}
		})
		together(func(int) {
			if w.app.Logout(h) == nil {
				out.Add(1)
			}
		})
		if in.Load() != 1 || out.Load() != 1 {
			t.Fatalf("%d logged in, %d logged out", in.Load(), out.Load())
		}
	}
	if n := len(w.module.(*twin).partitions[0].identities); n != 0 {
		t.Errorf("%d identities are left", n)
	}
}

// storm calls methods at random, on sessions and objects of other threads too,
// until stop. Nothing may crash, hang, or answer with a code that is not one.
func storm(t *testing.T, a *slots.App, seed uint64, shared *sharedHandles, stop func() bool) {
	rng := rand.New(rand.NewPCG(seed, 7))
	calls := allCalls()
	var names []string
	for name := range calls {
		names = append(names, name)
	}
	slices.Sort(names)
	for !stop() {
		if rng.IntN(8) == 0 {
			if h, err := a.OpenSession(1, openFlags["rw"]); err == nil {
				shared.sessions.Store(&h)
			}
		}
		h, o := shared.sessions.Load(), shared.objects.Load()
		name := names[rng.IntN(len(names))]
		if err := calls[name](a, *h, *o); err != nil && ck.Code(err) == ck.CKR_GENERAL_ERROR {
			t.Errorf("%s: %v", name, err)
		}
		if o, err := a.CreateObject(*h, ck.Template{ck.Bool(ck.CKA_ENCRYPT, true), ck.Bytes(ck.CKA_VALUE, make([]byte, 16))}); err == nil {
			shared.objects.Store(&o)
		}
	}
}

type sharedHandles struct {
	sessions atomic.Pointer[ck.SessionHandle]
	objects  atomic.Pointer[ck.ObjectHandle]
}

func newSharedHandles() *sharedHandles {
	s := new(sharedHandles)
	s.sessions.Store(new(ck.SessionHandle))
	s.objects.Store(new(ck.ObjectHandle))
	return s
}

// Everything at once, and Finalize in the middle of it.
func TestStorm(t *testing.T) {
	for round := range 3 {
		m := new(twin)
		stormOver(t, m, uint64(round), 8000)
		if m.closed != 1 {
			t.Errorf("the module was closed %d times", m.closed)
		}
		for _, p := range m.partitions {
			if len(p.identities) != 0 || p.made() != 0 {
				t.Errorf("%d identities and %d session objects are left", len(p.identities), p.made())
			}
		}
	}
}

func TestStormOverModule(t *testing.T) { stormOver(t, openModule(t), 99, 4000) }

// stormOver makes many calls, and finalizes after half of them.
func stormOver(t *testing.T, m api.Module, seed uint64, many int64) {
	w := newWorld(m)
	if err := w.setup(args{}); err != nil {
		t.Fatal(err)
	}
	shared := newSharedHandles()
	var calls atomic.Int64
	together(func(i int) {
		if i > 0 {
			storm(t, w.app, seed<<8+uint64(i), shared, func() bool { return calls.Add(1) > many })
			return
		}
		for calls.Load() < many/2 {
			_ = w.app.SessionCancel(*shared.sessions.Load(), ck.CKF_ENCRYPT)
		}
		if err := w.app.Finalize(); err != nil {
			t.Error(err)
		}
	})
}

// Ten thousand sessions, and none of them is left in the way.
func TestManySessions(t *testing.T) {
	w := newTestWorld(t)
	const many = 10000
	handles := map[ck.SessionHandle]bool{}
	for range many {
		handles[open(t, w.app, "ro")] = true
	}
	if len(handles) != many {
		t.Fatalf("%d handles for %d sessions", len(handles), many)
	}
	if info, err := w.app.GetTokenInfo(1); err != nil || info.Sessions != many {
		t.Errorf("%d sessions, %v", info.Sessions, err)
	}
	if err := w.app.CloseAllSessions(1); err != nil {
		t.Fatal(err)
	}
	for h := range handles {
		if _, err := w.app.GetSessionInfo(h); ck.Code(err) != ck.CKR_SESSION_HANDLE_INVALID {
			t.Fatal(err)
		}
	}
}

func BenchmarkOpenClose(b *testing.B) {
	w := newTestWorld(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h, err := w.app.OpenSession(1, openFlags["ro"])
			if err == nil {
				err = w.app.CloseSession(h)
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
}

// slow is a twin whose PIN check can be stopped half way.
type slow struct {
	*twinPartition
	checking, goOn chan struct{}
}

func (p *slow) LoginUser(user ck.UserType, name string, pin []byte) (api.Identity, error) {
	p.checking <- struct{}{}
	<-p.goOn
	return p.twinPartition.LoginUser(user, name, pin)
}

type slowModule struct {
	*twin
	p *slow
}

func (m slowModule) Slots() []api.Slot { return []api.Slot{{ID: 1, Partition: m.p}} }

// What a login depends on may change while the PIN is checked, which takes
// long; other calls do not wait for it.
func TestWhileThePINIsChecked(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(a *slots.App, h ck.SessionHandle) error
		want ck.RV
	}{
		{"nothing", func(*slots.App, ck.SessionHandle) error { return nil }, ck.CKR_OK},
		{"a read-only session is opened", func(a *slots.App, _ ck.SessionHandle) error {
			return drop(a.OpenSession(1, openFlags["ro"]))
		}, ck.CKR_SESSION_READ_ONLY_EXISTS},
		{"the session is closed", func(a *slots.App, h ck.SessionHandle) error {
			if err := drop(a.OpenSession(1, openFlags["rw"])); err != nil {
				return err
			}
			return a.CloseSession(h)
		}, ck.CKR_SESSION_CLOSED},
	} {
		p := &slow{newTwinPartition("slow", []byte("sopin")), make(chan struct{}), make(chan struct{})}
		a := slots.New(slowModule{new(twin), p})
		h := open(t, a, "rw")
		done := make(chan error)
		go func() { done <- a.Login(h, ck.CKU_SO, []byte("sopin")) }()
		<-p.checking
		if err := test.do(a, h); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		close(p.goOn)
		want(t, "Login", "while "+test.name, <-done, test.want)
		if n := len(p.identities); (n == 1) != (test.want == ck.CKR_OK) {
			t.Errorf("%s: %d identities are left", test.name, n)
		}
	}
}
