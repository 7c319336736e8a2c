package slots_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// A call that is late, after the application has ended, does not take a digest from the
// next one, which has the same notes and handles.
func TestDeferralOfNextApplication(t *testing.T) {
	first := newShell(t)
	h := open(t, first.app, "ro")
	for range 2 {
		_ = first.digestInit(h)
		first.digest(h, 32)
	}
	if err := first.app.Finalize(); err != nil {
		t.Fatal(err)
	}
	s := newShellWith(t, openModule(t), first.notes)
	for next := ck.SessionHandle(0); next != h; { // they come in the same order
		if next = open(t, s.app, "ro"); uint32(next) > uint32(h) {
			t.Fatalf("the handle %#x does not come again", h)
		}
	}
	_ = s.digestInit(h)
	want := s.digest(h, 32)
	if err := s.digestInit(h); err != nil || s.taken.Load() != 1 {
		t.Fatalf("%v, %d Inits taken", err, s.taken.Load())
	}
	if _, err := first.app.Digest(h, []byte("late"), make([]byte, 32)); ck.Code(err) != ck.CKR_CRYPTOKI_NOT_INITIALIZED {
		t.Errorf("the late call: %v", err)
	}
	if got := s.digest(h, 32); got != want {
		t.Errorf("the digest is %s, not %s", got, want)
	}
}

// changes are how a key ceases to be one to sign with.
var changes = map[string]func(a *slots.App, owner ck.SessionHandle, key ck.ObjectHandle) error{
	"destroyed":    func(a *slots.App, h ck.SessionHandle, key ck.ObjectHandle) error { return a.DestroyObject(h, key) },
	"owner closed": func(a *slots.App, _ ck.SessionHandle, _ ck.ObjectHandle) error { return nil },
	"use forbidden": func(a *slots.App, h ck.SessionHandle, key ck.ObjectHandle) error {
		return a.SetAttributeValue(h, key, off(ck.CKA_SIGN))
	},
}

// A thread signs with keys that another one destroys or changes: whenever that happens,
// who was told that the operation has begun gets a signature.
func TestDeferralChangesAtOnce(t *testing.T) {
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			s := newShell(t)
			var key atomic.Uint64
			stop, signed := make(chan struct{}), make(chan int)
			go func() { signed <- s.signUntil(t, open(t, s.app, "rw"), &key, stop) }()
			for end := time.Now().Add(time.Second); time.Now().Before(end); {
				if err := s.passingKey(&key, change); err != nil {
					t.Fatal(err)
				}
			}
			close(stop)
			if n := <-signed; n == 0 || s.taken.Load() == 0 {
				t.Errorf("%d signatures, %d Inits were taken", n, s.taken.Load())
			}
		})
	}
}

// passingKey makes a key, lets it be used for a while, and changes it.
func (s *shell) passingKey(key *atomic.Uint64, change func(*slots.App, ck.SessionHandle, ck.ObjectHandle) error) error {
	owner, err := s.app.OpenSession(1, openFlags["rw"])
	if err != nil {
		return err
	}
	made, err := s.app.CreateObject(owner, readable(ck.CKK_GENERIC_SECRET, ck.Bool(ck.CKA_SIGN, true), ck.Bytes(ck.CKA_VALUE, make([]byte, 32))))
	if err != nil {
		return err
	}
	key.Store(uint64(made))
	time.Sleep(50 * time.Microsecond)
	return errors.Join(change(s.app, owner, made), s.app.CloseSession(owner))
}

// signUntil signs with the key that there is, and returns how often.
func (s *shell) signUntil(t *testing.T, h ck.SessionHandle, key *atomic.Uint64, stop chan struct{}) (n int) {
	m, dst := s.bare(ck.CKM_SHA256_HMAC), make([]byte, 32)
	for {
		select {
		case <-stop:
			return n
		default:
		}
		k := ck.ObjectHandle(key.Load())
		taken := s.take(h, slots.SignOperation, ck.CKM_SHA256_HMAC, k)
		if !taken && s.app.SignInit(h, m, k) != nil {
			continue
		}
		if _, err := s.app.Sign(h, []byte("message"), dst); err != nil {
			t.Errorf("after an Init that was answered CKR_OK, by the shell: %v: %v", taken, err)
			return n
		}
		n++
	}
}
