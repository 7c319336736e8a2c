package slots

import (
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// moving is a module whose partition can be taken out of its slot. It tells of calls
// after Close.
type moving struct {
	idle
	away bool

	mu     sync.Mutex
	closed bool
	late   int
	logins map[api.Identity]bool
}

func (m *moving) Refresh() error { return nil }

func (m *moving) Slots() []api.Slot {
	if m.away {
		return []api.Slot{{ID: 0}}
	}
	return []api.Slot{{ID: 0, Partition: m}}
}

func (m *moving) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *moving) note() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		m.late++
	}
}

func (m *moving) CloseSession(api.SessionID)           { m.note() }
func (m *moving) Exists(api.Caller, api.ObjectID) bool { m.note(); return false }
func (m *moving) LoggedIn(api.Identity) bool           { return true }
func (m *moving) AppendFound([]api.ObjectID, api.Caller, ck.Template) ([]api.ObjectID, error) {
	return nil, nil
}

func (m *moving) LoginUser(ck.UserType, string, []byte) (api.Identity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logins[1] = true
	return 1, nil
}

func (m *moving) Logout(id api.Identity) error {
	m.note()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.logins, id)
	return nil
}

func newMoving() (*App, *moving) {
	m := &moving{logins: map[api.Identity]bool{}}
	return New(m), m
}

// Sessions that are opened and closed again and again need one row, of whatever kind
// they are, and none once their token is out of its slot.
func TestRowsOfSessions(t *testing.T) {
	a, m := newMoving()
	flags := []ck.Flags{ck.CKF_SERIAL_SESSION, ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION}
	var kept ck.SessionHandle
	for i := range 100 {
		h, err := a.OpenSession(0, flags[i%2])
		if err != nil {
			t.Fatal(err)
		}
		if kept == 0 {
			kept = h
			continue
		}
		if err := a.CloseSession(h); err != nil {
			t.Fatal(err)
		}
		if err := a.CloseSession(h); err != ck.CKR_SESSION_HANDLE_INVALID {
			t.Fatalf("closed once more: %v", err)
		}
	}
	if n := a.sessions.used; n != 3 {
		t.Errorf("%d rows for three sessions at a time", n)
	}
	m.away = true
	if _, err := a.GetSlotList(false, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(a.sessions.free); n != 2 {
		t.Errorf("%d rows are free, want those of two closed sessions", n)
	}
	if err := a.FindObjectsInit(kept, nil); err != nil {
		t.Errorf("the session that is open: %v", err)
	}
	if err := a.CloseSession(kept); err != nil {
		t.Error(err)
	}
	if n := len(a.sessions.free); n != 3 || len(a.sessions.values()) != 0 {
		t.Errorf("%d rows are free in the end", n)
	}
}

// Who has looked a slot up, and comes to open a session when its token is out of it, looks
// again: no session begins on a token that the application was told is not there.
func TestOpenLate(t *testing.T) {
	a, m := newMoving()
	found, err := a.places.find(0)
	if err != nil {
		t.Fatal(err)
	}
	m.away = true
	if _, err := a.GetSlotList(false, nil); err != nil {
		t.Fatal(err)
	}
	if h, first, err := a.open(found.token, &found.token.desks[0], ck.CKF_SERIAL_SESSION); h != 0 || first == nil || err != nil {
		t.Errorf("session %d on a token that is gone, %v", h, err)
	}
	if _, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION); err != ck.CKR_TOKEN_NOT_RECOGNIZED {
		t.Errorf("it is to look again: %v", err)
	}
}

// Finalize beside threads that open, use and close sessions, the last of the token and so
// the login among them: nothing is open then, and the module hears of nothing any more.
func TestFinalizeAmongThreads(t *testing.T) {
	for range 200 {
		a, m := newMoving()
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 4 {
			all.Go(func() {
				<-begin
				for {
					h, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION|ck.CKF_RW_SESSION)
					if err == ck.CKR_CRYPTOKI_NOT_INITIALIZED {
						return
					}
					_ = a.Login(h, ck.CKU_USER, []byte("userpin"))
					_ = a.FindObjectsInit(h, nil)
					_ = a.CloseSession(h)
				}
			})
		}
		close(begin)
		if err := a.Finalize(); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		if n := len(a.sessions.values()); n != 0 || len(m.logins) != 0 || m.late != 0 {
			t.Fatalf("%d sessions and %d logins are left, %d calls came late", n, len(m.logins), m.late)
		}
	}
}

// Who comes to a session that another thread is closing finds it closed, and two who
// close it at once do not both.
func TestCloseAtOnce(t *testing.T) {
	a, _ := newMoving()
	for range 1000 {
		h, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION)
		if err != nil {
			t.Fatal(err)
		}
		closes, finds := make(chan error, 2), make(chan error, 1)
		for range cap(closes) {
			go func() { closes <- a.CloseSession(h) }()
		}
		go func() { finds <- a.FindObjectsInit(h, nil) }()
		if one, two := <-closes, <-closes; (one == nil) == (two == nil) || one != nil && one != ck.CKR_SESSION_HANDLE_INVALID || two != nil && two != ck.CKR_SESSION_HANDLE_INVALID {
			t.Fatalf("closed twice: %v, %v", one, two)
		}
		if err := <-finds; err != nil && err != ck.CKR_SESSION_HANDLE_INVALID && err != ck.CKR_SESSION_CLOSED {
			t.Fatal(err)
		}
		if n := len(a.sessions.values()); n != 0 {
			t.Fatalf("%d sessions are open", n)
		}
	}
}

// A session that is opened while CloseAllSessions is at work stays open, even in the place
// of one that was there when it began.
func TestCloseAllLeavesSessionsOfOtherThreads(t *testing.T) {
	a, _ := newMoving()
	for range 5 {
		busy, other := openOne(t, a), openOne(t, a)
		s, err := a.enter(busy) // CloseAllSessions waits for this call
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error)
		go func() { closed <- a.CloseAllSessions(0) }()
		time.Sleep(50 * time.Millisecond) // it may yet have to look which there are: then once more
		if err := a.CloseSession(other); err != nil {
			t.Fatal(err)
		}
		fresh := openOne(t, a)
		if uint32(fresh) != uint32(other) {
			t.Fatal("the new session is in another place")
		}
		s.leave()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		if _, err := a.GetSessionInfo(busy); err != ck.CKR_SESSION_HANDLE_INVALID {
			t.Errorf("the session that was busy: %v", err)
		}
		if _, err := a.GetSessionInfo(fresh); err == nil {
			return
		}
	}
	t.Error("CloseAllSessions closes sessions that were opened after it began")
}

func openOne(t *testing.T, a *App) ck.SessionHandle {
	t.Helper()
	h, err := a.OpenSession(0, ck.CKF_SERIAL_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
