package slots_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// held is a twin that signs and makes keys when it is told to, and keeps account of
// what it was given and of what has ended.
type held struct {
	*twinPartition
	goOn   chan struct{}
	answer error
	panics bool

	data   []byte // that the last signature was of, as it was when it was made
	kept   []byte // the same, where it was
	out    []byte // where the signature went
	closed atomic.Int32
}

type heldSigner struct {
	twinRSASigner
	p *held
}

const heldSignature = "signature"

func (p *held) Sign(api.Caller, *ck.Mechanism, api.ObjectID) (api.Signer, error) {
	return &heldSigner{p: p}, nil
}

func (p *held) GenerateKey(who api.Caller, m *ck.Mechanism, t ck.Template) (api.ObjectID, error) {
	<-p.goOn
	return p.twinPartition.GenerateKey(who, m, t)
}

func (s *heldSigner) Close() { s.p.closed.Add(1) }

func (s *heldSigner) OneShot(dst, data []byte) (int, error) {
	if dst == nil {
		return len(heldSignature), nil
	}
	<-s.p.goOn
	s.p.data, s.p.kept, s.p.out = bytes.Clone(data), data, dst
	if s.p.panics {
		panic("broken")
	}
	return copy(dst, heldSignature), s.p.answer
}

type heldModule struct {
	*twin
	p *held
}

func (m heldModule) Slots() []api.Slot { return []api.Slot{{ID: 1, Partition: m.p}} }

// newHeld opens an asynchronous session, logs in and starts a signature with a key
// of the user.
func newHeld(t *testing.T) (a *slots.App, h ck.SessionHandle, p *held) {
	p = &held{twinPartition: newTwinPartition("held", []byte("sopin")), goOn: make(chan struct{})}
	p.pins[unnamed] = []byte("userpin")
	a = slots.New(heldModule{new(twin), p})
	h, key := withKey(t, a, "async")
	if err := a.SignInit(h, &ck.Mechanism{Type: ck.CKM_EDDSA}, key); err != nil {
		t.Fatal(err)
	}
	return a, h, p
}

// The input is copied before the call returns, the output buffer left alone until
// the end, and what was copied is wiped.
func TestPendingSignature(t *testing.T) {
	a, h, p := newHeld(t)
	src, dst := []byte("data"), make([]byte, 16)
	want(t, "Sign", "in the background", drop(a.Sign(h, src, dst)), ck.CKR_PENDING)
	copy(src, "XXXX")
	r, err := a.AsyncComplete(h, "C_Sign")
	want(t, "AsyncComplete", "before it is done", err, ck.CKR_PENDING)
	if r != nil {
		t.Error("a result before it is done")
	}
	want(t, "Login", "while the operation is away", a.Login(h, ck.CKU_CONTEXT_SPECIFIC, []byte("userpin")), ck.CKR_OPERATION_NOT_INITIALIZED)
	close(p.goOn)
	for p.closed.Load() == 0 {
		if r, err = a.AsyncComplete(h, "C_Sign"); ck.Code(err) == ck.CKR_PENDING && !bytes.Equal(dst, make([]byte, 16)) {
			t.Fatalf("%q was written before it is done", dst)
		}
	}
	want(t, "AsyncComplete", "once it is done", err, ck.CKR_OK)
	if r.Length != len(heldSignature) || &r.Buffer[0] != &dst[0] || string(dst[:r.Length]) != heldSignature || dst[r.Length] != 0 {
		t.Errorf("%d bytes of %q", r.Length, dst)
	}
	if string(p.data) != "data" {
		t.Errorf("%q was signed", p.data)
	}
	if !bytes.Equal(p.kept, make([]byte, 4)) || !bytes.Equal(p.out, make([]byte, len(p.out))) {
		t.Errorf("the copies %q and %q are left", p.kept, p.out)
	}
}

// What goes wrong in the background is told in the end, with the buffer, once.
func TestPendingFails(t *testing.T) {
	for _, test := range []struct {
		panics bool
		answer error
		want   ck.RV
	}{
		{false, ck.CKR_DATA_LEN_RANGE, ck.CKR_DATA_LEN_RANGE},
		{false, ck.Errorf(ck.CKR_DEVICE_ERROR, "why"), ck.CKR_DEVICE_ERROR},
		{true, nil, ck.CKR_GENERAL_ERROR},
	} {
		a, h, p := newHeld(t)
		p.panics, p.answer = test.panics, test.answer
		dst := make([]byte, 16)
		want(t, "Sign", "in the background", drop(a.Sign(h, some(), dst)), ck.CKR_PENDING)
		close(p.goOn)
		r, err := completed(a, h, "C_Sign")
		want(t, "AsyncComplete", "of a failure", err, test.want)
		if r == nil || &r.Buffer[0] != &dst[0] || r.Length != 0 || !bytes.Equal(dst, make([]byte, 16)) || p.closed.Load() != 1 {
			t.Errorf("%v: %+v, %x, closed %d times", test.want, r, dst, p.closed.Load())
		}
		want(t, "AsyncComplete", "a second time", drop(a.AsyncComplete(h, "C_Sign")), ck.CKR_OPERATION_NOT_INITIALIZED)
		want(t, "Sign", "after that", drop(a.Sign(h, some(), dst)), ck.CKR_OPERATION_NOT_INITIALIZED)
	}
}

// Whatever ends a pending call waits for the work, and for nobody else's lock.
func TestEndingWaitsForPending(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(a *slots.App, h ck.SessionHandle) error
	}{
		{"SessionCancel", func(a *slots.App, h ck.SessionHandle) error {
			return a.SessionCancel(h, ck.CKF_SIGN|ck.CKF_GENERATE)
		}},
		{"Logout", (*slots.App).Logout},
		{"CloseSession", (*slots.App).CloseSession},
		{"CloseAllSessions", func(a *slots.App, _ ck.SessionHandle) error { return a.CloseAllSessions(1) }},
		{"Finalize", func(a *slots.App, _ ck.SessionHandle) error { return a.Finalize() }},
	} {
		a, h, p := newHeld(t)
		dst := make([]byte, 16)
		want(t, "Sign", "in the background", drop(a.Sign(h, some(), dst)), ck.CKR_PENDING)
		tmpl := ck.Template{ck.Bool(ck.CKA_TOKEN, true), ck.String(ck.CKA_LABEL, "pending"), ck.Ulong[uint64](ck.CKA_VALUE_LEN, 16)}
		want(t, "GenerateKey", "in the background", drop(a.GenerateKey(h, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, tmpl)), ck.CKR_PENDING)
		ended := make(chan error)
		go func() { ended <- test.end(a, h) }()
		select {
		case <-ended:
			t.Errorf("%s did not wait", test.name)
		case <-time.After(20 * time.Millisecond):
		}
		close(p.goOn)
		want(t, test.name, "with calls pending", <-ended, ck.CKR_OK)
		if p.closed.Load() != 1 || !bytes.Equal(dst, make([]byte, 16)) || !bytes.Equal(p.out, make([]byte, len(p.out))) {
			t.Errorf("%s: closed %d times, %q in the caller's buffer, %q in ours", test.name, p.closed.Load(), dst, p.out)
		}
		for _, o := range p.objects {
			if string(o.value(ck.CKA_LABEL)) == "pending" {
				t.Errorf("%s: a key that nobody asked for is left", test.name)
			}
		}
		_ = a.Finalize()
	}
}

// An input that is too long for a copy is refused before one is made.
func TestPendingInputTooLong(t *testing.T) {
	a, h, _ := newHeld(t)
	src := make([]byte, 1<<30+1) // never touched
	want(t, "Sign", "of a gibibyte", drop(a.Sign(h, src, some())), ck.CKR_HOST_MEMORY)
	want(t, "Sign", "after that", drop(a.Sign(h, some(), some())), ck.CKR_OPERATION_NOT_INITIALIZED)
}

// Many asynchronous sessions in many threads, each of which gets its own results.
func TestPendingInManySessions(t *testing.T) {
	w := newTestWorld(t)
	keyed := open(t, w.app, "rw")
	key, err := w.app.CreateObject(keyed, ck.Template{ck.Bool(ck.CKA_SIGN, true), ck.String(ck.CKA_VALUE, "key")})
	if err != nil {
		t.Fatal(err)
	}
	together(func(i int) {
		var sessions []ck.SessionHandle
		for range 8 {
			h := open(t, w.app, "async")
			sessions = append(sessions, h)
			want(t, "SignInit", "", w.app.SignInit(h, &ck.Mechanism{Type: ck.CKM_SHA256_HMAC}, key), ck.CKR_OK)
			want(t, "Sign", "", drop(w.app.Sign(h, fmt.Append(nil, i, h), make([]byte, 32))), ck.CKR_PENDING)
			want(t, "GenerateKey", "", drop(w.app.GenerateKey(h, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN},
				ck.Template{ck.Ulong[uint64](ck.CKA_VALUE_LEN, 16)})), ck.CKR_PENDING)
		}
		for n, h := range sessions {
			if n%4 == 3 {
				want(t, "CloseSession", "with calls pending", w.app.CloseSession(h), ck.CKR_OK)
				continue
			}
			r, err := completed(w.app, h, "C_Sign")
			mac := hmac.New(sha256.New, []byte("key"))
			fmt.Fprint(mac, i, h)
			if err != nil || !bytes.Equal(r.Buffer, mac.Sum(nil)) {
				t.Errorf("session %d of thread %d: %v", n, i, err)
			}
			r, err = completed(w.app, h, "C_GenerateKey")
			if err != nil || w.app.DestroyObject(h, r.Object) != nil {
				t.Errorf("session %d of thread %d: %v", n, i, err)
			}
			want(t, "CloseSession", "", w.app.CloseSession(h), ck.CKR_OK)
		}
	})
	if n := w.module.(*twin).partitions[0].made(); n != 1 {
		t.Errorf("%d objects are left, want one", n)
	}
}
