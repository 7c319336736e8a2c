package partition

import (
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// failures is how many wrong tries of the user's PIN are written down.
func failures(t *testing.T, p *Partition) int {
	t.Helper()
	if err := p.sync(); err != nil {
		t.Fatal(err)
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	a := p.authSeen(metaUser)
	return a.begun()
}

// samePINAnew are the ways in which another process writes the record of the user's PIN
// anew, the PIN being the same, or changes something near it.
var samePINAnew = map[string]func(t *testing.T, other *Partition) func() error{
	"SetPIN": func(_ *testing.T, other *Partition) func() error {
		return func() error { return other.SetPIN(ck.CKU_USER, userPIN, userPIN) }
	},
	"InitPIN": func(t *testing.T, other *Partition) func() error {
		so := loginTo(t, other, ck.CKU_SO, soPIN)
		return func() error { return other.InitPIN(so, userPIN) }
	},
	"another's PIN": func(_ *testing.T, other *Partition) func() error {
		return func() error { return other.SetPIN(ck.CKU_SO, soPIN, []byte("the SO's next")) }
	},
	"the policy": func(t *testing.T, other *Partition) func() error {
		so := loginTo(t, other, ck.CKU_SO, soPIN)
		return func() error {
			return other.SetPINPolicy(so, api.PINPolicy{MinLength: 4, MaxLength: 100, Tries: 7})
		}
	},
}

// pinUses are the calls that look at the user's PIN.
var pinUses = map[string]func(p *Partition, pin []byte) error{
	"Login":   func(p *Partition, pin []byte) error { _, err := p.Login(ck.CKU_USER, pin); return err },
	"SetPIN":  func(p *Partition, pin []byte) error { return p.SetPIN(ck.CKU_USER, pin, pin) },
	"believe": func(p *Partition, pin []byte) error { return p.believe(accountUser, pin) },
}

// TestRightPINMeanwhile: a right PIN is right, and counted as nothing else, wherever
// another process comes in between that sets the same one.
func TestRightPINMeanwhile(t *testing.T) {
	forEachUse(t, func(t *testing.T, use func(*Partition, []byte) error, anew func(*testing.T, *Partition) func() error) {
		interrupt(t, func(r *rig) (act, do func() error) {
			return func() error { return use(r.Partition, userPIN) }, anew(t, r.again())
		}, func(r *rig, place int, acted error) {
			if n := failures(t, r.again()); acted != nil || n != 0 {
				t.Errorf("place %d: %v, and %d tries counted", place, acted, n)
			}
			if _, err := r.again().Login(ck.CKU_USER, userPIN); err != nil {
				t.Errorf("place %d: afterwards: %v", place, err)
			}
		})
	})
}

// TestWrongPINMeanwhile: and a wrong one is no free try: the change comes before its last
// transaction, so that nothing has forgiven it.
func TestWrongPINMeanwhile(t *testing.T) {
	forEachUse(t, func(t *testing.T, use func(*Partition, []byte) error, anew func(*testing.T, *Partition) func() error) {
		interrupt(t, func(r *rig) (act, do func() error) {
			return func() error { return use(r.Partition, []byte("wrong")) }, anew(t, r.again())
		}, func(r *rig, place int, acted error) {
			if n := failures(t, r.again()); ck.Code(acted) != ck.CKR_PIN_INCORRECT || n != 1 {
				t.Errorf("place %d: %v, and %d tries counted", place, acted, n)
			}
		})
	})
}

func forEachUse(t *testing.T, f func(*testing.T, func(*Partition, []byte) error, func(*testing.T, *Partition) func() error)) {
	for name, use := range pinUses {
		for meanwhile, anew := range samePINAnew {
			t.Run(name+" and "+meanwhile, func(t *testing.T) { f(t, use, anew) })
		}
	}
}

// TestPINBecomesRight: a PIN that is set while it is tried is right or wrong, and no try
// is left behind if it was right.
func TestPINBecomesRight(t *testing.T) { whileChanged(t, nextPIN, ck.CKR_OK, 0) }

// TestPINBecomesWrong: a PIN that is replaced while it is tried logs nobody in, and is one
// wrong try.
func TestPINBecomesWrong(t *testing.T) { whileChanged(t, userPIN, ck.CKR_PIN_INCORRECT, 1) }

var nextPIN = []byte("the next PIN")

// whileChanged logs in while another process sets nextPIN instead of userPIN, and expects
// the answer and so many tries counted.
func whileChanged(t *testing.T, pin []byte, want ck.RV, tries int) {
	interrupt(t, func(r *rig) (act, do func() error) {
		other := r.again()
		return func() error { _, err := r.Login(ck.CKU_USER, pin); return err },
			func() error { return other.SetPIN(ck.CKU_USER, userPIN, nextPIN) }
	}, func(r *rig, place int, acted error) {
		if n := failures(t, r.again()); ck.Code(acted) != want || n != tries {
			t.Errorf("place %d: %v, and %d tries counted", place, acted, n)
		}
	})
}

// TestSetPINAtOnce: threads and processes that all set the PIN that it is, and log in by
// it, are all right, while others do what is near.
func TestSetPINAtOnce(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	repeat := func(name string, p *Partition, act func(*Partition) error) {
		wg.Go(func() {
			for range 5 {
				if err := act(p); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	login := func(p *Partition) error {
		who, err := p.Login(ck.CKU_USER, userPIN)
		if err != nil {
			return err
		}
		return p.Logout(who)
	}
	so := r.login(ck.CKU_SO, soPIN)
	policy := api.PINPolicy{MinLength: 4, MaxLength: 100, Tries: 10, DelayAfter: 5, Delay: time.Second}
	for _, p := range []*Partition{r.Partition, r.Partition, r.again()} {
		repeat("SetPIN", p, func(p *Partition) error { return p.SetPIN(ck.CKU_USER, userPIN, userPIN) })
		repeat("Login", p, login)
	}
	repeat("SetPIN of the SO", r.again(), func(p *Partition) error { return p.SetPIN(ck.CKU_SO, soPIN, soPIN) })
	repeat("SetPINPolicy", r.Partition, func(p *Partition) error { return p.SetPINPolicy(so, policy) })
	wg.Wait()
	if n := failures(t, r.Partition); n != 0 {
		t.Errorf("%d tries counted", n)
	}
}
