package partition

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// errOtherLog is the answer to the log of another partition.
var errOtherLog = errors.New("the log of another partition")

// UndoneByLog is Undone for a partition that is not there any more, or cannot be opened,
// and of which the audit log in dir is left: older is what was restored of a backup of
// it, under root, and has the key that the log is checked with. ours is false if there is
// no log, or it is another partition's.
func (s Looks) UndoneByLog(older store.Store, root *seal.Root, dir string, since Backed) (reasons []string, ours bool, err error) {
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
		if !begunAs(l) {
			return errOtherLog
		}
		reasons, err = s.gather(l.Dir(), p, tx, since, func(u *undoing) error {
			u.unknown = u.read(l, u.take)
			return nil
		})
		return err
	})
	if errors.Is(err, errOtherLog) {
		return nil, false, nil
	}
	return reasons, err == nil, storeError(err)
}

// begunAs reports whether there is a log where l is, and it is of the same partition, as
// far as can be told of one that is damaged.
func begunAs(l *audit.Log) bool {
	name, err := audit.NameIn(l.Dir())
	return !errors.Is(err, fs.ErrNotExist) && (err != nil || name == l.Name())
}

// readFormer takes in what was held before the restore that l begins with, as former logs
// tell: what they have of a later generation, that restore has undone.
func (u *undoing) readFormer(l *audit.Log, former []string) error {
	until, at, err := restoredIn(l)
	if err != nil || until <= u.since.Generation && !u.since.At.Before(at) { // nothing was before, or all of it
		return err
	}
	for _, dir := range former {
		before, err := u.p.log(dir)
		if err != nil {
			return err
		}
		if !begunAs(before) {
			continue
		}
		err = u.read(before, func(r audit.Record) {
			if r.Generation <= until {
				u.takeHeld(r)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// restoredIn is the generation of the backup that a log begins with the restore of, and when
// that was; zero if it begins with something else.
func restoredIn(l *audit.Log) (generation uint64, at time.Time, err error) {
	for r, err := range audit.Read(l.Dir(), 0) {
		if err != nil || r.Act != audit.Restore {
			return 0, at, err
		}
		for part := range strings.SplitSeq(r.Detail, ", ") {
			if n, ok := strings.CutPrefix(part, "generation "); ok {
				if generation, err := strconv.ParseUint(n, 10, 64); err == nil {
					return generation, r.Time, nil
				}
			}
		}
		return r.Generation, r.Time, nil // it is a few later
	}
	return 0, at, nil
}

// pastReading is how far a log has been read.
type pastReading struct {
	*audit.Reading
	branch bool // the log begins with a restore: generations may be of another history
}

// read gives take the records of a log that were made since the backup, and that it was not
// given yet.
func (u *undoing) read(l *audit.Log, take func(audit.Record)) error {
	at := u.logs[l.Dir()]
	if at == nil {
		at = &pastReading{Reading: audit.NewReading(l.Dir(), l.Verifier())}
		u.logs[l.Dir()] = at
	}
	for r, err := range at.Rest() {
		if err != nil {
			return err
		}
		at.branch = at.branch || r.Seq == 0 && r.Act == audit.Restore
		if r.Generation > u.since.Generation || at.branch && r.Time.After(u.since.At) {
			take(r)
		}
	}
	return nil
}

// take takes in a record.
func (u *undoing) take(r audit.Record) {
	u.takeHeld(r)
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
		if _, had := u.had(r); had {
			u.destroyed++
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

// takeHeld takes in that an object of the backup was given an attribute for good.
func (u *undoing) takeHeld(r audit.Record) {
	id, had := u.had(r)
	switch {
	case !had || !r.Succeeded():
	case r.Act == audit.Destroy:
		delete(u.held, id) // that says it all
	case r.Act == audit.Modify && r.Detail != "":
		u.held[id] = true
	}
}

// had is the object that a record is about, and whether the backup has it.
func (u *undoing) had(r audit.Record) (id store.ID, had bool) {
	n, err := hex.Decode(id[:], []byte(r.Object)[:min(len(r.Object), 2*len(id))])
	if err == nil && n == len(id) {
		_, had = u.old.Get(id)
	}
	return id, had
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
