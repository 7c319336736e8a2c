package slots

import (
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// stack is how far apart the stacks of threads are: 8 MiB and a page.
const stack = 8<<20 + 4<<10

const readWrite = ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION

// openNear opens a session for the thread of a number.
func openNear(t *testing.T, a *App, flags ck.Flags, thread int) ck.SessionHandle {
	t.Helper()
	h, err := a.OpenSessionNear(0, flags, 0x7f0012345678+uint64(thread)*stack)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Few threads share a desk.
func TestDesksOfThreads(t *testing.T) {
	var all desks
	const page = 4 << 10
	for _, size := range []uint64{stack, stack - page, 1 << 20, 1<<20 + page, 64<<10 + page} {
		at := map[*desk]bool{}
		for thread := range uint64(deskCount) {
			at[all.of(0x7f0012345678+thread*size)] = true
		}
		if len(at) < deskCount*3/4 {
			t.Errorf("%d threads with stacks of %d bytes are at %d desks", deskCount, size, len(at))
		}
	}
}

// A session that was closed at one desk is opened again at another one.
func TestDesksGive(t *testing.T) {
	a, _ := newMoving()
	for thread := range 4 * deskCount {
		if err := a.CloseSession(openNear(t, a, readWrite, thread)); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.sessions.used; n != 1 {
		t.Errorf("%d rows for one session at a time", n)
	}
}

// Sessions count for the whole token, at whatever desk they are.
func TestDesksTogether(t *testing.T) {
	a, m := newMoving()
	var open []ck.SessionHandle
	for thread := range deskCount {
		open = append(open, openNear(t, a, readWrite, thread))
	}
	readOnly := openNear(t, a, ck.CKF_SERIAL_SESSION, deskCount/2)
	in, err := a.places.find(0)
	if err != nil {
		t.Fatal(err)
	}
	if n, r := in.token.desks.count(); n != deskCount+1 || r != 1 {
		t.Errorf("%d sessions, %d of them read-only", n, r)
	}
	if err := a.Login(open[0], ck.CKU_SO, []byte("sopin")); err != ck.CKR_SESSION_READ_ONLY_EXISTS {
		t.Errorf("the SO beside a read-only session: %v", err)
	}
	if err := a.CloseSession(readOnly); err != nil {
		t.Fatal(err)
	}
	if err := a.Login(open[0], ck.CKU_SO, []byte("sopin")); err != nil {
		t.Fatal(err)
	}
	for thread := range uint64(deskCount) {
		if _, err := a.OpenSessionNear(0, ck.CKF_SERIAL_SESSION, thread*stack); err != ck.CKR_SESSION_READ_WRITE_SO_EXISTS {
			t.Errorf("a read-only session beside the SO: %v", err)
		}
	}
	for i, h := range open {
		if len(m.logins) != 1 {
			t.Fatalf("%d logins, with %d sessions open", len(m.logins), len(open)-i)
		}
		if err := a.CloseSession(h); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.logins) != 0 {
		t.Error("the last session is closed, and somebody is logged in")
	}
}

// However threads close the last sessions at many desks, nobody is logged in afterwards.
func TestDesksThreads(t *testing.T) {
	a, m := newMoving()
	for range 300 {
		var open []ck.SessionHandle
		for thread := range 6 {
			open = append(open, openNear(t, a, readWrite, thread))
		}
		if err := a.Login(open[0], ck.CKU_USER, []byte("userpin")); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for _, h := range open {
			group.Go(func() {
				if err := a.CloseSession(h); err != nil {
					t.Error(err)
				}
			})
		}
		if group.Wait(); len(m.logins) != 0 {
			t.Fatal("no session is open, and somebody is logged in")
		}
	}
}
