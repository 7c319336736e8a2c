package partition

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// auth is a PIN's record: the payload of metaSO, metaUser, and the values of users
// with a name.
//
// A try is written down as pending before the PIN is looked at, and turned into a
// failure or taken away afterwards. Failures and pending tries together never pass
// the limit, so however many processes try at once, they have no more guesses than
// one has; and who is killed in the middle has used one up.
type auth struct {
	Failures int       `json:"failures"`
	Last     time.Time `json:"last,omitzero"` // of the failures
	Pending  []pending `json:"pending,omitempty"`
	Wrap     []byte    `json:"wrap,omitempty"` // of the PIN's secret; without a box, of the key of private objects
	Box      *box      `json:"box,omitempty"`
	Name     string    `json:"name,omitempty"` // of a user who has one
	Born     string    `json:"born,omitempty"` // tells a user from a later one of the name
}

// pending is a try under way.
type pending struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

const (
	// A try takes 100 ms, or seconds on a machine that is busy. One that is older
	// than this belongs to a process that was killed: a failure.
	tryLife = 30 * time.Second
	// Where as many tries are under way as there are left, a login waits for them
	// to end rather than call the PIN locked.
	tryPatience = 2 * tryLife
	tryPause    = 10 * time.Millisecond
)

var errTriesPending = errors.New("as many logins are under way as there are tries left")

// initialised reports whether there is such a PIN.
func (a *auth) initialised() bool { return len(a.Wrap) > 0 }

// failed counts the tries that are known to have failed.
func (a *auth) failed(now time.Time) int {
	n := a.Failures
	for _, t := range a.Pending {
		if t.stale(now) {
			n++
		}
	}
	return n
}

// begun counts the tries that failed, and those under way: each may fail.
func (a *auth) begun() int { return a.Failures + len(a.Pending) }

// stale also holds for a try of the future: somebody has set the clock back.
func (t pending) stale(now time.Time) bool {
	age := now.Sub(t.At)
	return age > tryLife || age < -tryLife
}

// lastFailure is when the last of the failures was. A try of a killed process
// failed when it began.
func (a *auth) lastFailure(now time.Time) time.Time {
	last := a.Last
	for _, t := range a.Pending {
		if t.stale(now) && t.At.After(last) {
			last = t.At
		}
	}
	return last
}

// locked reports whether no try is left.
func (a *auth) locked(r api.PINPolicy, now time.Time) bool { return a.failed(now) >= r.Tries }

// held is how long the PIN is held back from now on. A failure of the future holds
// nothing: somebody has set the clock back, and might do so by years.
func (a *auth) held(r api.PINPolicy, now time.Time) time.Duration {
	since := now.Sub(a.lastFailure(now))
	if since < 0 {
		return 0
	}
	return max(0, delayOf(r, a.failed(now))-since)
}

// room is how many tries may be under way at once. Where failures hold the PIN back,
// tries at once must not be a way around that.
func (a *auth) room(r api.PINPolicy, now time.Time) int {
	most := r.Tries
	if r.Delay > 0 {
		most = min(most, max(r.DelayAfter, a.failed(now)+1))
	}
	return most - a.failed(now)
}

// full reports whether as many tries are under way as may be.
func (a *auth) full(r api.PINPolicy, now time.Time) bool {
	return a.Failures+len(a.Pending)-a.failed(now) >= a.room(r, now)
}

// begin notes a try, if one is left.
func (a *auth) begin(r api.PINPolicy, now time.Time) (id string, err error) {
	if a.locked(r, now) {
		return "", ck.CKR_PIN_LOCKED
	}
	if left := a.held(r, now); left > 0 {
		return "", ck.Errorf(ck.CKR_PIN_LOCKED, "after %d wrong tries the PIN is refused for another %v",
			a.failed(now), (left + time.Second - 1).Truncate(time.Second))
	}
	if a.full(r, now) {
		return "", errTriesPending
	}
	var b [8]byte
	rand.Read(b[:])
	id = hex.EncodeToString(b[:])
	a.Pending = append(a.Pending, pending{id, now.UTC()})
	return id, nil
}

// end notes how a try went. A right PIN forgives all failures, those of killed
// processes too.
func (a *auth) end(id string, right bool, now time.Time) {
	before := len(a.Pending)
	a.Pending = slices.DeleteFunc(a.Pending, func(t pending) bool {
		return t.ID == id || right && t.stale(now)
	})
	switch {
	case right:
		a.Failures, a.Last = 0, time.Time{}
	case len(a.Pending) < before:
		a.Failures++
		a.Last = now.UTC()
	}
}

// renewed is the record with all tries forgiven.
func (a *auth) renewed() auth { return auth{Wrap: a.Wrap, Box: a.Box, Name: a.Name, Born: a.Born} }

// beginTry writes a try down, durably, and returns the PIN's record.
func (p *Partition) beginTry(of account) (a auth, id string, err error) {
	for give := time.Now().Add(tryPatience); ; time.Sleep(tryPause) {
		err = p.update(func(w *writer) error {
			if a, err = p.readAuth(w.tx, of); err != nil {
				return err
			}
			if !a.initialised() && of.name == "" {
				return ck.CKR_USER_PIN_NOT_INITIALIZED
			}
			policy, err := p.readPINPolicy(w.tx)
			if err != nil {
				return err
			}
			if id, err = a.begin(policy, time.Now()); err != nil {
				return err
			}
			if err := w.ready(); err != nil {
				return err
			}
			return w.putAuth(of, a)
		})
		if !errors.Is(err, errTriesPending) || time.Now().After(give) {
			return a, id, err
		}
	}
}

// endTry writes down how a try went. Where the PIN has been changed meanwhile, which has
// forgiven the try, it is errPINChanged: how it went says nothing of the PIN that there is
// now, and one that is wrong is to be counted there.
func (p *Partition) endTry(t *try) error {
	movedOn := false
	err := p.update(func(w *writer) error {
		a, err := p.readAuth(w.tx, t.of)
		if err != nil {
			return err
		}
		movedOn = a.follows(&t.was)
		if !movedOn && string(a.Wrap) != string(t.was.Wrap) {
			return errPINChanged
		}
		return w.endTry(t, a, movedOn)
	})
	if err == nil && movedOn && t.opened != nil {
		return errPINChanged
	}
	return err
}

func (w *writer) endTry(t *try, a auth, movedOn bool) error {
	policy, err := w.p.readPINPolicy(w.tx)
	if err != nil {
		return err
	}
	now, right := time.Now(), t.opened != nil
	was := a.locked(policy, now)
	a.end(t.id, right, now)
	if right && !movedOn {
		if err := w.settle(t, &a); err != nil {
			return err
		}
	}
	if !right || !movedOn { // or else it is tried again
		w.noteTry(t.act, t.of, a, right, !was && a.locked(policy, now))
	}
	return w.putAuth(t.of, a)
}

// settle brings the record of a PIN that was right up to date: it knows the present key
// of private objects, and is of version 2.
func (w *writer) settle(t *try, a *auth) error {
	if a.Box != nil {
		return w.learn(t.of.meta, a.Box, t.opened.secret)
	}
	keys, err := w.p.readPINKeys(w.tx)
	if err != nil {
		return err
	}
	if keys.Term != firstTerm { // it does not change while there are records of version 1
		return damaged("value %q is an old one", t.of.meta)
	}
	b, err := w.box(t.of.meta, t.opened.secret, t.private.secret)
	if err != nil {
		return err
	}
	b.Was = wasOf(a.Wrap)
	a.Wrap, a.Box = t.opened.wrap, b
	return nil
}
