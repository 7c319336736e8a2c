package slots_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// probe is a cipher that answers what it is told to and counts its ends.
type probe struct {
	answer error
	panics bool
	closed int
}

func (p *probe) OneShot(_, _ []byte) (int, error) { return p.do() }
func (p *probe) Update(_, _ []byte) (int, error)  { return p.do() }
func (p *probe) Final([]byte) (int, error)        { return p.do() }
func (p *probe) Close()                           { p.closed++ }

func (p *probe) do() (int, error) {
	if p.panics {
		panic("broken")
	}
	return 3, p.answer
}

// probePartition encrypts with its probe; of all else it is a twin.
type probePartition struct {
	*twinPartition
	probe *probe
}

func (p *probePartition) Encrypt(api.Caller, *ck.Mechanism, api.ObjectID) (api.Cipher, error) {
	return p.probe, nil
}

type probeModule struct {
	*twin
	p *probePartition
}

func (m probeModule) Slots() []api.Slot { return []api.Slot{{ID: 1, Partition: m.p}} }

// withKey opens a session, logs in and makes a private key.
func withKey(t *testing.T, a *slots.App, flags string) (h ck.SessionHandle, key ck.ObjectHandle) {
	t.Helper()
	h = open(t, a, flags)
	if err := a.Login(h, ck.CKU_USER, []byte("userpin")); err != nil {
		t.Fatal(err)
	}
	key, err := a.CreateObject(h, ck.Template{ck.Bool(ck.CKA_PRIVATE, true)})
	if err != nil {
		t.Fatal(err)
	}
	return h, key
}

// newProbe starts an encryption with a private key.
func newProbe(t *testing.T) (a *slots.App, h ck.SessionHandle, p *probe) {
	p = new(probe)
	part := &probePartition{newTwinPartition("probe", []byte("sopin")), p}
	part.pins[unnamed] = []byte("userpin")
	a = slots.New(probeModule{new(twin), part})
	h, key := withKey(t, a, "rw")
	if err := a.EncryptInit(h, ecb, key); err != nil {
		t.Fatal(err)
	}
	return a, h, p
}

// What ends an operation and what does not: it is closed once, or not at all.
func TestWhatEndsAnOperation(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer error
		do     func(a *slots.App, h ck.SessionHandle) error
		ends   bool
	}{
		{"one call", nil, func(a *slots.App, h ck.SessionHandle) error { return drop(a.Encrypt(h, some(), some())) }, true},
		{"one call, length", nil, func(a *slots.App, h ck.SessionHandle) error { return drop(a.Encrypt(h, some(), nil)) }, false},
		{"one call, short", ck.CKR_BUFFER_TOO_SMALL, func(a *slots.App, h ck.SessionHandle) error { return drop(a.Encrypt(h, some(), some())) }, false},
		{"one call, error", ck.CKR_DATA_LEN_RANGE, func(a *slots.App, h ck.SessionHandle) error { return drop(a.Encrypt(h, some(), some())) }, true},
		{"one call, length, error", ck.CKR_DATA_LEN_RANGE, func(a *slots.App, h ck.SessionHandle) error { return drop(a.Encrypt(h, some(), nil)) }, true},
		{"part", nil, func(a *slots.App, h ck.SessionHandle) error { return drop(a.EncryptUpdate(h, some(), some())) }, false},
		{"part, length", nil, func(a *slots.App, h ck.SessionHandle) error { return drop(a.EncryptUpdate(h, some(), nil)) }, false},
		{"part, short", ck.CKR_BUFFER_TOO_SMALL, func(a *slots.App, h ck.SessionHandle) error { return drop(a.EncryptUpdate(h, some(), some())) }, false},
		{"part, error with a reason", ck.Errorf(ck.CKR_DEVICE_ERROR, "why"), func(a *slots.App, h ck.SessionHandle) error { return drop(a.EncryptUpdate(h, some(), some())) }, true},
		{"last", nil, func(a *slots.App, h ck.SessionHandle) error { return drop(a.EncryptFinal(h, some())) }, true},
		{"last, length", nil, func(a *slots.App, h ck.SessionHandle) error { return drop(a.EncryptFinal(h, nil)) }, false},
		{"last, short with a reason", ck.Errorf(ck.CKR_BUFFER_TOO_SMALL, "why"), func(a *slots.App, h ck.SessionHandle) error { return drop(a.EncryptFinal(h, some())) }, false},
		{"last, error", ck.CKR_DATA_LEN_RANGE, func(a *slots.App, h ck.SessionHandle) error { return drop(a.EncryptFinal(h, some())) }, true},
		{"second Init", nil, func(a *slots.App, h ck.SessionHandle) error { return a.EncryptInit(h, ecb, 1) }, false},
		{"nil mechanism", nil, func(a *slots.App, h ck.SessionHandle) error { return a.EncryptInit(h, nil, 0) }, true},
		{"nil mechanism for another kind", nil, func(a *slots.App, h ck.SessionHandle) error { return a.DecryptInit(h, nil, 0) }, false},
		{"cancelled", nil, func(a *slots.App, h ck.SessionHandle) error { return a.SessionCancel(h, ck.CKF_ENCRYPT) }, true},
		{"another cancelled", nil, func(a *slots.App, h ck.SessionHandle) error { return a.SessionCancel(h, ck.CKF_DECRYPT) }, false},
		{"refused", nil, func(a *slots.App, h ck.SessionHandle) error {
			return a.Refuse(h, slots.EncryptOperation, ck.CKR_ARGUMENTS_BAD)
		}, true},
		{"another refused", nil, func(a *slots.App, h ck.SessionHandle) error {
			return a.Refuse(h, slots.SignOperation, ck.CKR_ARGUMENTS_BAD)
		}, false},
		{"logged out", nil, (*slots.App).Logout, true},
		{"session closed", nil, (*slots.App).CloseSession, true},
		{"all sessions closed", nil, func(a *slots.App, _ ck.SessionHandle) error { return a.CloseAllSessions(1) }, true},
		{"finalized", nil, func(a *slots.App, _ ck.SessionHandle) error { return a.Finalize() }, true},
	} {
		a, h, p := newProbe(t)
		p.answer = test.answer
		_ = test.do(a, h)
		if (p.closed == 1) != test.ends || p.closed > 1 {
			t.Errorf("%s: closed %d times, ends: %v", test.name, p.closed, test.ends)
		}
		_ = a.Finalize()
		if p.closed != 1 {
			t.Errorf("%s: closed %d times in the end", test.name, p.closed)
		}
	}
}

// A panic in an operation ends it and leaves the session as good as before.
func TestPanicEndsTheOperation(t *testing.T) {
	a, h, p := newProbe(t)
	p.panics = true
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = a.Encrypt(h, some(), some())
	}()
	if p.closed != 1 {
		t.Errorf("closed %d times", p.closed)
	}
	want(t, "Encrypt", "after a panic", drop(a.Encrypt(h, some(), some())), ck.CKR_OPERATION_NOT_INITIALIZED)
}

// A PIN that gets locked by logins for single operations logs the user out.
func TestContextLoginLocksThePIN(t *testing.T) {
	w := newTestWorld(t)
	h := open(t, w.app, "rw")
	if err := w.app.Login(h, ck.CKU_USER, []byte("userpin")); err != nil {
		t.Fatal(err)
	}
	key, err := w.app.CreateObject(h, ck.Template{
		ck.Bool(ck.CKA_PRIVATE, true), ck.Bool(ck.CKA_SIGN, true), ck.Bool(ck.CKA_ALWAYS_AUTHENTICATE, true),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.app.SignInit(h, &ck.Mechanism{Type: ck.CKM_RSA_PKCS}, key); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		want(t, "Login", "with a wrong PIN", w.app.Login(h, ck.CKU_CONTEXT_SPECIFIC, []byte("wrong")), ck.CKR_PIN_INCORRECT)
	}
	want(t, "Login", "too often", w.app.Login(h, ck.CKU_CONTEXT_SPECIFIC, []byte("userpin")), ck.CKR_PIN_LOCKED)
	want(t, "Logout", "after that", w.app.Logout(h), ck.CKR_USER_NOT_LOGGED_IN)
	want(t, "SignFinal", "after that", drop(w.app.SignFinal(h, some())), ck.CKR_OPERATION_NOT_INITIALIZED)
}

// signing is a twin that tells of a logout in the middle of a signature.
type signing struct {
	*twinPartition
	started, goOn chan struct{}
	busy, torn    atomic.Bool
}

func (p *signing) Sign(api.Caller, *ck.Mechanism, api.ObjectID) (api.Signer, error) {
	return &signature{p: p}, nil
}

func (p *signing) Logout(id api.Identity) error {
	p.torn.Store(p.busy.Load())
	return p.twinPartition.Logout(id)
}

type signature struct {
	twinRSASigner
	p *signing
}

func (s *signature) OneShot(_, _ []byte) (int, error) {
	s.p.busy.Store(true)
	defer s.p.busy.Store(false)
	close(s.p.started)
	<-s.p.goOn
	return 1, nil
}

type signingModule struct {
	*twin
	p *signing
}

func (m signingModule) Slots() []api.Slot { return []api.Slot{{ID: 1, Partition: m.p}} }

// The partition wipes keys at logout, so it is told only when no call of any
// session uses one.
func TestLogoutWaitsForSignatures(t *testing.T) {
	p := &signing{twinPartition: newTwinPartition("signing", []byte("sopin")), started: make(chan struct{}), goOn: make(chan struct{})}
	p.pins[unnamed] = []byte("userpin")
	a := slots.New(signingModule{new(twin), p})
	h, other := open(t, a, "rw"), open(t, a, "rw")
	if err := a.Login(h, ck.CKU_USER, []byte("userpin")); err != nil {
		t.Fatal(err)
	}
	key, err := a.CreateObject(h, ck.Template{ck.Bool(ck.CKA_PRIVATE, true)})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.SignInit(h, &ck.Mechanism{Type: ck.CKM_EDDSA}, key); err != nil {
		t.Fatal(err)
	}
	signed, loggedOut := make(chan error), make(chan error)
	go func() { signed <- drop(a.Sign(h, some(), some())) }()
	<-p.started
	go func() { loggedOut <- a.Logout(other) }()
	for deadline := time.Now().Add(time.Second); state(t, a, other) != ck.CKS_RW_PUBLIC_SESSION; {
		if time.Now().After(deadline) {
			t.Fatal("the login does not end")
		}
		time.Sleep(time.Millisecond)
	}
	select {
	case <-loggedOut:
		t.Error("logged out in the middle of a signature")
	case <-time.After(20 * time.Millisecond):
	}
	close(p.goOn)
	want(t, "Sign", "during a logout", <-signed, ck.CKR_OK)
	want(t, "Logout", "during a signature", <-loggedOut, ck.CKR_OK)
	if p.torn.Load() {
		t.Error("the partition wiped its keys in the middle of a signature")
	}
}

func state(t *testing.T, a *slots.App, h ck.SessionHandle) ck.State {
	t.Helper()
	info, err := a.GetSessionInfo(h)
	if err != nil {
		t.Fatal(err)
	}
	return info.State
}

// asked is a twin that waits for goOn when it is asked whether a login is good.
type asked struct {
	*twinPartition
	asks, goOn chan struct{}
}

func (p *asked) LoggedIn(id api.Identity) bool {
	select {
	case p.asks <- struct{}{}:
		<-p.goOn
	case <-p.goOn:
	}
	return p.twinPartition.LoggedIn(id)
}

type askedModule struct {
	*twin
	p *asked
}

func (m askedModule) Slots() []api.Slot { return []api.Slot{{ID: 1, Partition: m.p}} }

// With the last session goes the login, though a new one is opened before whoever has
// closed it has come to that.
func TestLoginEndsBeforeTheNextSession(t *testing.T) {
	p := &asked{newTwinPartition("asked", []byte("sopin")), make(chan struct{}), make(chan struct{})}
	p.pins[unnamed] = []byte("userpin")
	a := slots.New(askedModule{new(twin), p})
	h := open(t, a, "rw")
	if err := a.Login(h, ck.CKU_USER, []byte("userpin")); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { _ = a.Login(h, ck.CKU_USER, []byte("userpin")) }) // no login ends meanwhile
	<-p.asks
	all.Go(func() { want(t, "CloseSession", "the last", a.CloseSession(h), ck.CKR_OK) })
	for info, err := a.GetTokenInfo(1); err != nil || info.Sessions > 0; info, err = a.GetTokenInfo(1) {
		time.Sleep(time.Millisecond)
	}
	all.Go(func() {
		if h, err := a.OpenSession(1, openFlags["ro"]); err != nil || state(t, a, h) != ck.CKS_RO_PUBLIC_SESSION {
			t.Errorf("the next session, %v, has the login of the last", err)
		}
	})
	time.Sleep(20 * time.Millisecond)
	close(p.goOn)
	all.Wait()
}
