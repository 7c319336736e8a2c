package slots_test

import (
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// drops are how a key ends that was made in the background and that nobody has asked for.
var drops = map[string]func(a *slots.App, h ck.SessionHandle) error{
	"session closed": func(a *slots.App, h ck.SessionHandle) error { return a.CloseSession(h) },
	"call cancelled": func(a *slots.App, h ck.SessionHandle) error { return a.SessionCancel(h, ck.CKF_GENERATE) },
}

// A key that was made in the background can be found and used before it is asked for. Where
// it is dropped then, no Init is answered for it any more, and an operation that had begun
// goes on.
func TestDeferralOfDroppedKey(t *testing.T) {
	for name, drop := range drops {
		for _, begun := range []bool{false, true} {
			s := newShell(t)
			h, async := open(t, s.app, "rw"), open(t, s.app, "async")
			label := ck.String(ck.CKA_LABEL, "background")
			_, err := s.app.GenerateKey(async, &ck.Mechanism{Type: ck.CKM_GENERIC_SECRET_KEY_GEN},
				readable(ck.CKK_GENERIC_SECRET, label, ck.Bool(ck.CKA_SIGN, true), ck.Ulong(ck.CKA_VALUE_LEN, uint64(32))))
			if ck.Code(err) != ck.CKR_PENDING {
				t.Fatal(err)
			}
			key := s.awaits(t, h, label)
			for range 2 { // then the Init is offered
				s.sign(t, h, key)
			}
			take := func() bool { return s.take(h, slots.SignOperation, ck.CKM_SHA256_HMAC, key) }
			if begun && !take() {
				t.Fatal("the Init was not offered")
			}
			if err := drop(s.app, async); err != nil {
				t.Fatal(err)
			}
			if begun {
				if _, err := s.app.Sign(h, []byte("message"), make([]byte, 32)); err != nil {
					t.Errorf("%s: the operation had begun: %v", name, err)
				}
			}
			if take() {
				t.Errorf("%s: an Init with a key that is gone is answered", name)
			}
			if err := s.app.SignInit(h, s.bare(ck.CKM_SHA256_HMAC), key); ck.Code(err) != ck.CKR_KEY_HANDLE_INVALID {
				t.Errorf("%s: the Init answers %v", name, err)
			}
		}
	}
}

// awaits finds the object that fits, which another thread is making.
func (s *shell) awaits(t *testing.T, h ck.SessionHandle, fits ...ck.Attribute) ck.ObjectHandle {
	t.Helper()
	found := make([]ck.ObjectHandle, 1)
	for range 1000 {
		if err := s.app.FindObjectsInit(h, fits); err != nil {
			t.Fatal(err)
		}
		n, err := s.app.FindObjects(h, found)
		if _ = s.app.FindObjectsFinal(h); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			return found[0]
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it does not come")
	return 0
}

// sign makes a signature, with an Init that enters Go.
func (s *shell) sign(t *testing.T, h ck.SessionHandle, key ck.ObjectHandle) {
	t.Helper()
	err := s.app.SignInit(h, s.bare(ck.CKM_SHA256_HMAC), key)
	if err == nil {
		_, err = s.app.Sign(h, []byte("message"), make([]byte, 32))
	}
	if err != nil {
		t.Fatal(err)
	}
}
