package partition

import (
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

var delaying = api.PINPolicy{MinLength: 4, MaxLength: 255, Tries: 10, DelayAfter: 3, Delay: time.Second}

func TestDelayGrows(t *testing.T) {
	for failures, want := range []time.Duration{0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		if got := delayOf(delaying, failures); got != want*time.Second {
			t.Errorf("after %d failures %v, want %d s", failures, got, want)
		}
	}
	if got := delayOf(delaying, 100); got != maxDelay {
		t.Errorf("after 100 failures %v", got)
	}
	if got := delayOf(api.PINPolicy{Tries: 10}, 9); got != 0 {
		t.Errorf("without a delay %v", got)
	}
}

// fail makes a try at now that goes wrong, and returns what begins it is refused with.
func fail(a *auth, now time.Time) error {
	id, err := a.begin(delaying, now)
	if err == nil {
		a.end(id, false, now)
	}
	return err
}

// TestDelay follows one PIN's record through time.
func TestDelay(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &auth{Wrap: []byte{1}}
	for i := range 3 {
		if err := fail(a, now); err != nil {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	for wait := time.Second; a.Failures < 9; wait *= 2 {
		early, due := now.Add(wait-time.Millisecond), now.Add(wait)
		expect(t, "early", fail(a, early), ck.CKR_PIN_LOCKED)
		if held := a.held(delaying, early); held != time.Millisecond {
			t.Errorf("held for %v after %d failures, %v on", held, a.Failures, wait-time.Millisecond)
		}
		if now = due; fail(a, now) != nil {
			t.Fatalf("refused after %v, with %d failures", wait, a.Failures)
		}
	}
	now = now.Add(maxDelay)
	expect(t, "the last", fail(a, now), ck.CKR_OK)
	if err := fail(a, now.Add(time.Hour)); err != ck.CKR_PIN_LOCKED {
		t.Errorf("after ten failures: %v", err)
	}
	if a.Failures != 10 {
		t.Errorf("%d failures: one that was refused was counted", a.Failures)
	}
}

func TestRightPINEndsTheDelay(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &auth{Wrap: []byte{1}}
	for range 3 {
		fail(a, now)
	}
	now = now.Add(time.Second)
	id, err := a.begin(delaying, now)
	if err != nil {
		t.Fatal(err)
	}
	a.end(id, true, now)
	for i := range 3 {
		if err := fail(a, now); err != nil {
			t.Errorf("try %d after the right one: %v", i, err)
		}
	}
}

// Who is killed in the middle of a try gets round neither the count nor the delay, and
// nobody does by trying at once.
func TestDelayAndKilledTries(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &auth{Wrap: []byte{1}}
	for range 3 {
		if _, err := a.begin(delaying, now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.begin(delaying, now); err != errTriesPending {
		t.Errorf("a fourth at once: %v", err)
	}
	now = now.Add(tryLife + time.Millisecond) // all were killed, longer ago than the delay is
	if _, err := a.begin(delaying, now); err != nil {
		t.Fatal(err)
	}
	if _, err := a.begin(delaying, now); err != errTriesPending {
		t.Errorf("a second at once after three failures: %v", err)
	}
	long := delaying
	long.Delay = time.Minute
	expect(t, "killed tries hold", second(a.begin(long, now)), ck.CKR_PIN_LOCKED)
}

func TestClockSetBack(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &auth{Wrap: []byte{1}}
	for range 3 {
		fail(a, now)
	}
	if err := fail(a, now.AddDate(-5, 0, 0)); err != nil {
		t.Errorf("five years earlier: %v", err)
	}
}

// The delay is in the partition: another process knows of it, and of its end.
func TestDelayIsDurable(t *testing.T) {
	r := newRigWith(t, Options{Delay: time.Second})
	for range 3 {
		expect(t, "wrong PIN", second(r.Login(ck.CKU_USER, []byte("wrong"))), ck.CKR_PIN_INCORRECT)
	}
	p := r.again()
	expect(t, "right PIN, elsewhere", second(p.Login(ck.CKU_USER, userPIN)), ck.CKR_PIN_LOCKED)
	info := p.Info()
	if info.UserHeld <= 0 || info.UserHeld > time.Second || info.SOHeld != 0 || info.Flags&ck.CKF_USER_PIN_LOCKED == 0 {
		t.Errorf("info: held for %v and %v, flags %x", info.UserHeld, info.SOHeld, info.Flags)
	}
	time.Sleep(info.UserHeld + 10*time.Millisecond)
	if info := p.Info(); info.UserHeld != 0 || info.Flags&ck.CKF_USER_PIN_LOCKED != 0 {
		t.Errorf("afterwards held for %v, flags %x", info.UserHeld, info.Flags)
	}
	loginTo(t, p, ck.CKU_USER, userPIN)
}

// Many at once, with a delay: those who know the PIN get in, those who do not are no
// better off for being many.
func TestManyAtOnceWithDelay(t *testing.T) {
	r := newRigWith(t, Options{Delay: time.Hour / 4})
	codes := atOnce40(r, userPIN)
	if codes[ck.CKR_OK] != 40 {
		t.Errorf("right: %v", codes)
	}
	codes = atOnce40(r, []byte("a guess"))
	if codes[ck.CKR_PIN_INCORRECT] != 3 || codes[ck.CKR_PIN_LOCKED] != 37 {
		t.Errorf("wrong: %v; want 3 looked at and 37 refused", codes)
	}
}

// The SO changes the policy, and every process keeps to it at once.
func TestSetPINPolicy(t *testing.T) {
	r := newRig(t)
	p := r.again()
	for range 4 {
		p.Login(ck.CKU_USER, []byte("wrong"))
	}
	so := r.login(ck.CKU_SO, soPIN)
	set := func(policy api.PINPolicy) {
		t.Helper()
		if err := r.SetPINPolicy(so, policy); err != nil {
			t.Fatal(err)
		}
	}
	policy := api.PINPolicy{MinLength: 12, MaxLength: 20, Tries: 4}
	set(policy)
	if info := p.Info(); info.PIN != policy || info.MinPIN != 12 || info.MaxPIN != 20 {
		t.Errorf("the other process has %+v", info.PIN)
	}
	expect(t, "after four wrong ones", second(p.Login(ck.CKU_USER, userPIN)), ck.CKR_PIN_LOCKED)
	policy.Tries = 5
	set(policy)
	loginTo(t, p, ck.CKU_USER, userPIN) // a PIN that is shorter than new ones may be
	expect(t, "short PIN", p.SetPIN(ck.CKU_USER, userPIN, []byte("eleven-long")), ck.CKR_PIN_LEN_RANGE)
	if err := r.Initialise(soPIN, "again"); err != nil {
		t.Fatal(err)
	}
	if got := p.Info().PIN; got != policy {
		t.Errorf("initialising the token made it %+v", got)
	}
}

func TestBadPINPolicies(t *testing.T) {
	r := newRig(t)
	so := r.login(ck.CKU_SO, soPIN)
	for name, change := range map[string]func(*api.PINPolicy){
		"short":           func(p *api.PINPolicy) { p.MinLength = 3 },
		"long":            func(p *api.PINPolicy) { p.MaxLength = 256 },
		"crossed":         func(p *api.PINPolicy) { p.MinLength, p.MaxLength = 9, 8 },
		"no tries":        func(p *api.PINPolicy) { p.Tries = 0 },
		"endless tries":   func(p *api.PINPolicy) { p.Tries = 101 },
		"negative delay":  func(p *api.PINPolicy) { p.Delay = -time.Second },
		"half a second":   func(p *api.PINPolicy) { p.Delay = time.Second / 2 },
		"an hour":         func(p *api.PINPolicy) { p.Delay = time.Hour },
		"before any try":  func(p *api.PINPolicy) { p.DelayAfter = 0 },
		"after very many": func(p *api.PINPolicy) { p.DelayAfter = 101 },
	} {
		policy := delaying
		change(&policy)
		expect(t, name, r.SetPINPolicy(so, policy), ck.CKR_ARGUMENTS_BAD)
	}
	if err := r.SetPINPolicy(so, delaying); err != nil {
		t.Error(err)
	}
}
