package partition

import (
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestManyLoginsAtOnce: more logins at once than there are tries do not lock a PIN
// that all of them know.
func TestManyLoginsAtOnce(t *testing.T) {
	r := newRig(t)
	if codes := atOnce40(r, userPIN); codes[ck.CKR_OK] != 40 {
		t.Errorf("answers: %v", codes)
	}
}

// atOnce40 logs in from 40 processes at once and counts the answers.
func atOnce40(r *rig, pin []byte) map[ck.RV]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[ck.RV]int{}
	for range 40 {
		p := r.again()
		wg.Go(func() {
			_, err := p.Login(ck.CKU_USER, pin)
			mu.Lock()
			defer mu.Unlock()
			codes[ck.Code(err)]++
		})
	}
	wg.Wait()
	return codes
}

// TestManyGuessesAtOnce: guessing at once gives no more guesses.
func TestManyGuessesAtOnce(t *testing.T) {
	r := newRig(t)
	codes := atOnce40(r, []byte("a guess"))
	if codes[ck.CKR_PIN_INCORRECT] != 10 || codes[ck.CKR_PIN_LOCKED] != 30 {
		t.Errorf("answers: %v; want 10 looked at and 30 refused", codes)
	}
}

func TestTries(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	late := now.Add(tryLife + time.Second)
	three := api.PINPolicy{Tries: 3}
	a := auth{Wrap: []byte{1}}
	var ids []string
	for range 3 {
		id, err := a.begin(three, now)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if !a.full(three, now) || a.locked(three, now) {
		t.Error("three tries of three are under way, and not known to have failed")
	}
	if _, err := a.begin(three, now); err != errTriesPending {
		t.Errorf("a fourth try while three are under way: %v", err)
	}
	if _, err := a.begin(three, late); err != ck.CKR_PIN_LOCKED {
		t.Errorf("a fourth try when three were never ended: %v", err)
	}
	a.end(ids[0], false, now)
	a.end(ids[0], false, now) // ending twice counts once
	if a.Failures != 1 || len(a.Pending) != 2 {
		t.Errorf("after one failure: %+v", a)
	}
	a.end(ids[1], true, now)
	if a.Failures != 0 || len(a.Pending) != 1 {
		t.Errorf("a right PIN must forgive failures and leave other tries alone: %+v", a)
	}
	if n := a.failed(late); n != 1 {
		t.Errorf("%d failures, want the one that was never ended", n)
	}
	id, err := a.begin(three, late)
	if err != nil {
		t.Fatal(err)
	}
	if a.end(id, true, late); len(a.Pending) != 0 || a.failed(late) != 0 {
		t.Errorf("a right PIN must forgive tries that were never ended: %+v", a)
	}
}
