package partition

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Backed says which state of a partition a backup is of.
type Backed struct {
	Generation uint64
	At         time.Time // when the backup was made
}

// errOtherLog is the answer to the log of another partition.
var errOtherLog = errors.New("the log of another partition")

// UndoneByLog is Undone for a partition that is not there any more, or cannot be opened,
// and of which the audit log in dir is left: older is what was restored of a backup of
// it, under root, and has the key that the log is checked with. ours is false if there is
// no log, or it is another partition's.
func UndoneByLog(older store.Store, root *seal.Root, dir string, since Backed) (reasons []string, ours bool, err error) {
	err = older.View(func(tx store.Tx) error {
		p, err := bare(tx, root, Options{})
		if err != nil {
			return err
		}
		defer p.root.Zero()
		l, err := p.log(dir)
		if err != nil {
			return err
		}
		if name, err := audit.NameIn(dir); errors.Is(err, fs.ErrNotExist) || err == nil && name != l.Name() {
			return errOtherLog
		}
		u := undoing{p: p, old: tx, since: since, pins: map[string]*undoingPIN{}}
		if _, err := audit.Verify(dir, l.Verifier()); err == nil {
			err = u.read(dir)
		}
		if err != nil {
			u.reasons = []string{fmt.Sprintf("what was done since cannot be told: %v", err)}
		}
		reasons = u.told()
		return nil
	})
	if errors.Is(err, errOtherLog) {
		return nil, false, nil
	}
	return reasons, err == nil, storeError(err)
}

// undoing gathers what a log tells that was done since a backup.
type undoing struct {
	p     *Partition
	old   store.Tx
	since Backed

	branch    bool // the log begins with a restore: generations may be of another history
	destroyed int
	rotated   bool
	policy    bool
	uses      bool // are recorded, and were not
	anew      bool
	pins      map[string]*undoingPIN // by the value in old that has the PIN's record
	reasons   []string
}

// undoingPIN is what became of somebody's PIN.
type undoingPIN struct {
	who                      string
	tries                    int
	locked, changed, removed bool
}

// read takes in the records of a log that is sound.
func (u *undoing) read(dir string) error {
	for r, err := range audit.Read(dir, 0) {
		if err != nil {
			return err
		}
		u.branch = u.branch || r.Seq == 0 && r.Act == audit.Restore
		if r.Generation > u.since.Generation || u.branch && r.Time.After(u.since.At) {
			u.take(r)
		}
	}
	return nil
}

// take takes in a record.
func (u *undoing) take(r audit.Record) {
	if r.Succeeded() {
		u.takeDone(r)
	}
	pin := u.pin(r.Who)
	if pin == nil {
		return
	}
	switch {
	case r.Act == audit.PINLock:
		pin.locked = true
	case r.Act != audit.Login && r.Act != audit.Prove:
	case r.Succeeded():
		pin.tries = 0
	case r.Result == ck.CKR_PIN_INCORRECT.Error():
		pin.tries++
	}
}

// takeDone takes in what was done.
func (u *undoing) takeDone(r audit.Record) {
	switch r.Act {
	case audit.Destroy:
		var id store.ID
		if n, err := hex.Decode(id[:], []byte(r.Object)[:min(len(r.Object), 2*len(id))]); err == nil && n == len(id) {
			if _, had := u.old.Get(id); had {
				u.destroyed++
			}
		}
	case audit.TokenInit: // the SO's PIN was given; all users are gone
		u.anew = true
		u.remove(accountUser.inLog())
	case audit.RotateKeys:
		u.rotated = true
	case audit.PolicySet:
		u.policy = true
	case audit.ConfigSet:
		before, err := u.p.readAnchor(u.old)
		u.uses = err == nil && !before.Uses && r.Detail == usesOn
	case audit.PINChange:
		u.change(r.Who)
	case audit.PINRecover:
		u.change(accountSO.inLog())
	case audit.PINSet:
		u.change(u.about(r))
	case audit.UserUnlock:
		if pin := u.pin(u.about(r)); pin != nil {
			pin.tries, pin.locked = 0, false
		}
	case audit.UserDelete:
		u.remove(u.about(r))
	}
}

// remove notes that somebody has no PIN any more.
func (u *undoing) remove(who string) {
	if pin := u.pin(who); pin != nil {
		pin.removed = true
	}
}

// change notes that somebody has another PIN.
func (u *undoing) change(who string) {
	if pin := u.pin(who); pin != nil {
		*pin = undoingPIN{who: pin.who, changed: true}
	}
}

// about is whom a record is about that noteUser made, as the log calls them.
func (u *undoing) about(r audit.Record) string {
	name, named := strings.CutPrefix(r.Detail, "user ")
	if name, err := strconv.Unquote(name); named && err == nil {
		return name
	}
	return accountUser.inLog()
}

// pin is what became of the PIN of somebody who is in the backup; nil if there is none.
func (u *undoing) pin(who string) *undoingPIN {
	of := map[string]account{accountSO.inLog(): accountSO, accountUser.inLog(): accountUser}[who]
	if of.meta == "" {
		of = u.p.userCalled(who)
	}
	if _, had := u.old.Meta(of.meta); !had || who == "" {
		return nil
	}
	if u.pins[of.meta] == nil {
		u.pins[of.meta] = &undoingPIN{who: whose(of.meta, auth{Name: of.name})}
	}
	return u.pins[of.meta]
}

// told is all of it, a sentence each, as Undone says it.
func (u *undoing) told() []string {
	if u.destroyed > 0 {
		u.reasons = append(u.reasons, sayDestroyed(u.destroyed))
	}
	if u.anew {
		u.reasons = append(u.reasons, "the token was initialised anew since, and what was in it would be back")
	}
	for _, meta := range slices.Sorted(maps.Keys(u.pins)) {
		u.reasons = append(u.reasons, u.pins[meta].told()...)
	}
	if u.policy {
		u.reasons = append(u.reasons, sayPolicy)
	}
	if u.rotated {
		u.reasons = append(u.reasons, sayRotated)
	}
	if u.uses {
		u.reasons = append(u.reasons, sayUses)
	}
	return u.reasons
}

func (p *undoingPIN) told() (reasons []string) {
	if p.removed {
		return []string{sayRemoved(p.who)}
	}
	if p.locked {
		reasons = append(reasons, sayLocked(p.who))
	} else if p.tries > 0 {
		reasons = append(reasons, sayTries(p.who, p.tries))
	}
	if p.changed {
		reasons = append(reasons, sayChanged(p.who))
	}
	return reasons
}
