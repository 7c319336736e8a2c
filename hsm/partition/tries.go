package partition

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// auth is the payload of metaSO and metaUser: a PIN's record.
//
// A try is written down as pending before the PIN is looked at, and turned into a
// failure or taken away afterwards. Failures and pending tries together never pass
// the limit, so however many processes try at once, they have no more guesses than
// one has; and who is killed in the middle has used one up.
type auth struct {
	Failures int       `json:"failures"`
	Pending  []pending `json:"pending,omitempty"`
	Wrap     []byte    `json:"wrap"`
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

// stale also holds for a try of the future: somebody has set the clock back.
func (t pending) stale(now time.Time) bool {
	age := now.Sub(t.At)
	return age > tryLife || age < -tryLife
}

// begin notes a try, if one is left.
func (a *auth) begin(limit int, now time.Time) (id string, err error) {
	if a.failed(now) >= limit {
		return "", ck.CKR_PIN_LOCKED
	}
	if a.Failures+len(a.Pending) >= limit {
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
		a.Failures = 0
	case len(a.Pending) < before:
		a.Failures++
	}
}

// beginTry writes a try down, durably, and returns the PIN's record.
func (p *Partition) beginTry(name string) (a auth, id string, err error) {
	for give := time.Now().Add(tryPatience); ; time.Sleep(tryPause) {
		err = p.update(func(w *writer) error {
			if a, err = p.readAuth(w.tx, name); err != nil {
				return err
			}
			if !a.initialised() {
				return ck.CKR_USER_PIN_NOT_INITIALIZED
			}
			if id, err = a.begin(p.options.Tries, time.Now()); err != nil {
				return err
			}
			return w.putAuth(name, a)
		})
		if !errors.Is(err, errTriesPending) || time.Now().After(give) {
			return a, id, err
		}
	}
}

// endTry writes down how a try went, unless the PIN has been changed meanwhile.
func (p *Partition) endTry(name, id string, wrap []byte, right bool) error {
	return p.update(func(w *writer) error {
		a, err := p.readAuth(w.tx, name)
		if err != nil || string(a.Wrap) != string(wrap) {
			return err
		}
		a.end(id, right, time.Now())
		return w.putAuth(name, a)
	})
}
