package slots_test

import (
	"fmt"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// signer has a session that signs, one that made the key, and another one.
type signer struct {
	*shell
	h, owner, other ck.SessionHandle
	key             ck.ObjectHandle
	defers          bool
}

func newSigner(t *testing.T, s *shell, deferred bool, key ck.Template) *signer {
	c := &signer{shell: s, h: open(t, s.app, "rw"), owner: open(t, s.app, "rw"), other: open(t, s.app, "rw"), defers: deferred}
	err := s.app.Login(c.h, ck.CKU_USER, []byte("userpin"))
	if err == nil {
		c.key, err = s.app.CreateObject(c.owner, append(key,
			ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY), ck.Ulong(ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
			ck.Bool(ck.CKA_SIGN, true), ck.Bool(ck.CKA_VERIFY, true), ck.Bytes(ck.CKA_VALUE, make([]byte, 32))))
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *signer) init() ck.RV {
	if c.defers && c.take(c.h, slots.SignOperation, ck.CKM_SHA256_HMAC, c.key) {
		return ck.CKR_OK
	}
	return ck.Code(c.app.SignInit(c.h, c.bare(ck.CKM_SHA256_HMAC), c.key))
}

func (c *signer) sign(dst []byte) string {
	n, err := c.app.Sign(c.h, []byte("message"), dst)
	return fmt.Sprintf(" %d %v %x", n, ck.Code(err), dst)
}

func (c *signer) final() string {
	dst := make([]byte, 32)
	n, err := c.app.SignFinal(c.h, dst)
	return fmt.Sprintf(" %d %v %x", n, ck.Code(err), dst)
}

// events are what may happen before an Init or after it.
var events = map[string]func(c *signer) error{
	"nothing":                     func(c *signer) error { return nil },
	"the key destroyed here":      func(c *signer) error { return c.app.DestroyObject(c.h, c.key) },
	"the key destroyed elsewhere": func(c *signer) error { return c.app.DestroyObject(c.other, c.key) },
	"the owner closed":            func(c *signer) error { return c.app.CloseSession(c.owner) },
	"another closed":              func(c *signer) error { return c.app.CloseSession(c.other) },
	"all closed":                  func(c *signer) error { return c.app.CloseAllSessions(1) },
	"the use forbidden here":      func(c *signer) error { return c.app.SetAttributeValue(c.h, c.key, off(ck.CKA_SIGN)) },
	"the use forbidden elsewhere": func(c *signer) error { return c.app.SetAttributeValue(c.other, c.key, off(ck.CKA_SIGN)) },
	"logged out":                  func(c *signer) error { return c.app.Logout(c.other) },
	"logged out and in":           func(c *signer) error { _ = c.app.Logout(c.h); return c.app.Login(c.h, ck.CKU_USER, []byte("userpin")) },
	"another Init":                func(c *signer) error { return c.app.SignInit(c.h, c.bare(ck.CKM_SHA256_HMAC), c.key) },
	"an Init with no key":         func(c *signer) error { return c.app.SignInit(c.h, c.bare(ck.CKM_SHA256_HMAC), 0) },
	"an Init without mechanism":   func(c *signer) error { return c.app.SignInit(c.h, nil, 0) },
	"a verification":              func(c *signer) error { return c.app.VerifyInit(c.h, c.bare(ck.CKM_SHA256_HMAC), c.key) },
	"a digest":                    func(c *signer) error { return c.digestInit(c.h) },
	"cancelled":                   func(c *signer) error { return c.app.SessionCancel(c.h, ck.CKF_SIGN) },
	"refused":                     func(c *signer) error { return c.app.Refuse(c.h, slots.SignOperation, ck.CKR_ARGUMENTS_BAD) },
	"a part":                      func(c *signer) error { return c.app.SignUpdate(c.h, []byte("mess")) },
	"the length":                  func(c *signer) error { return fmt.Errorf("%s", c.sign(nil)) },
	"no room":                     func(c *signer) error { return fmt.Errorf("%s", c.sign(make([]byte, 31))) },
	"the last part":               func(c *signer) error { return fmt.Errorf("%s", c.final()) },
	"saved and back": func(c *signer) error {
		state := make([]byte, 4096)
		n, err := c.app.GetOperationState(c.h, state)
		return fmt.Errorf("%v %s %v", err, c.sign(make([]byte, 32)), c.app.SetOperationState(c.h, state[:n], 0, 0))
	},
}

func off(t ck.AttributeType) ck.Template { return ck.Template{ck.Bool(t, false)} }

// Whatever happens before an Init with a key or after it, the answers are the same if the
// shell answers Inits. Such are those with session keys that have gone well before.
func TestDeferralOfSignatures(t *testing.T) {
	s := newShell(t)
	for name, key := range map[string]ck.Template{
		"private": {ck.Bool(ck.CKA_PRIVATE, true)}, "public": {ck.Bool(ck.CKA_PRIVATE, false)},
		"token": {ck.Bool(ck.CKA_TOKEN, true)},
	} {
		for event, do := range events {
			var told [2]string
			for i, deferred := range []bool{false, true} {
				before := newSigner(t, s, deferred, key).tellBefore(t, do)
				after := newSigner(t, s, deferred, key).tellAfter(t, do, name != "token")
				told[i] = before + "\n" + after
			}
			if told[0] != told[1] {
				t.Errorf("%s key, %s: without a shell\n%s\nand with one\n%s", name, event, told[0], told[1])
			}
		}
	}
}

// Keys that were in no signature are destroyed without a word to the shell; of others it
// learns before the call returns.
func TestDeferralEpochOfKeys(t *testing.T) {
	s := newShell(t)
	for name, use := range map[string]struct {
		do    func(*signer)
		ended bool
	}{
		"no use": {func(*signer) {}, false},
		"a search": {func(c *signer) {
			_ = c.app.FindObjectsInit(c.h, nil)
			_, _ = c.app.FindObjects(c.h, make([]ck.ObjectHandle, 9))
		}, false},
		"verification": {func(c *signer) { _ = c.app.VerifyInit(c.h, c.bare(ck.CKM_SHA256_HMAC), c.key) }, false},
		"a signature":  {func(c *signer) { c.prime(t) }, true},
		"an Init":      {func(c *signer) { c.init() }, true},
	} {
		c := newSigner(t, s, true, nil)
		use.do(c)
		before := s.notes.Epoch.Load()
		if err := c.app.DestroyObject(c.other, c.key); err != nil {
			t.Fatal(name, err)
		}
		if ended := s.notes.Epoch.Load() != before; ended != use.ended {
			t.Errorf("destroyed after %s: the shell is told: %v", name, ended)
		}
		c.close()
	}
}

// prime is two signatures, after which Inits are offered.
func (c *signer) prime(t *testing.T) {
	for range 2 {
		if rv := c.init(); rv != ck.CKR_OK {
			t.Fatal(rv)
		}
		c.sign(make([]byte, 32))
	}
}

func (c *signer) close() { _ = c.app.CloseAllSessions(1) }

// plain is an error without what differs from one session to the next.
func plain(err error) string {
	if err == nil {
		return "CKR_OK"
	}
	return err.Error()
}

func (c *signer) tellBefore(t *testing.T, do func(*signer) error) string {
	defer c.close()
	c.prime(t)
	told := plain(do(c))
	for range 2 {
		told += " " + c.init().String() + c.sign(make([]byte, 32))
	}
	return told
}

func (c *signer) tellAfter(t *testing.T, do func(*signer) error, offered bool) string {
	defer c.close()
	c.prime(t)
	before := c.taken.Load()
	rv := c.init()
	if took := c.taken.Load() > before; took != (c.defers && offered) {
		t.Errorf("the Init was taken: %v", took)
	}
	told := rv.String() + " " + plain(do(c)) + c.sign(make([]byte, 32)) + c.final()
	return told + " " + c.init().String() + c.sign(make([]byte, 32))
}
