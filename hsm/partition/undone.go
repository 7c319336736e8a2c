package partition

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// undoing gathers what was done to a partition since a backup, and would be undone by it.
type undoing struct {
	p     *Partition // whose keys open old
	old   store.Tx   // what was restored of the backup
	since Backed
	logs  map[string]*pastReading // by directory

	destroyed int
	held      map[store.ID]bool // objects that were given an attribute for good
	anew      bool              // the token was initialised
	rotated   bool
	policy    bool
	uses      bool                   // are recorded, and were not
	pins      map[string]*undoingPIN // by the value in old that has the PIN's record
	unknown   error                  // why the log cannot tell
}

// undoingPIN is what became of somebody's PIN.
type undoingPIN struct {
	who                      string
	tries                    int
	locked, changed, removed bool
}

// Backed says which state of a partition a backup is of.
type Backed struct {
	Generation uint64
	At         time.Time // when the backup was made
}

// Looks keeps what was found out about what a restore would undo, by the directory of the
// log: who looks again reads only what has come since. It is about one backup.
type Looks map[string]*undoing

// at is what was found of one, to go on with; the first time it is empty.
func (s Looks) at(dir string, p *Partition, old store.Tx, since Backed) (u *undoing, again bool) {
	u, again = s[dir]
	if !again {
		u = &undoing{logs: map[string]*pastReading{}, held: map[store.ID]bool{}, pins: map[string]*undoingPIN{}}
		s[dir] = u
	}
	u.p, u.old, u.since, u.unknown = p, old, since, nil
	return u, again
}

// gather has f find out what is undone, by what was found before if there is something. If
// the log does not go on from there, another may have come in its place: then from its start.
func (s Looks) gather(dir string, p *Partition, old store.Tx, since Backed, f func(*undoing) error) ([]string, error) {
	u, again := s.at(dir, p, old, since)
	err := f(u)
	if again && err == nil && u.unknown != nil {
		delete(s, dir)
		u, _ = s.at(dir, p, old, since)
		err = f(u)
	}
	u.p, u.old = nil, nil
	return u.told(), err
}

// Undone says, a sentence each, what would be undone if older took the place of p or
// was used beside it: older is a partition of the same ID in a store, restored from a
// backup. What was destroyed, locked, restricted or changed since is told; what would only
// be missing is not. former are directories of logs that may be of p before a restore, which
// its own log begins with.
func (s Looks) Undone(p *Partition, older store.Store, since Backed, former ...string) (reasons []string, err error) {
	if err := p.sync(); err != nil {
		return nil, err
	}
	dir := ""
	if l := p.Log(); l != nil {
		dir = l.Dir()
	}
	err = older.View(func(old store.Tx) error {
		reasons, err = s.gather(dir, p, old, since, func(u *undoing) error {
			if err := p.store.View(u.compare); err != nil {
				return err
			}
			if l := p.Log(); l != nil { // what is in a private object, only it tells
				if u.unknown = u.readFormer(l, former); u.unknown == nil {
					u.unknown = u.read(l, u.takeHeld)
				}
			}
			return nil
		})
		return err
	})
	return reasons, storeError(err)
}

// compare holds the store as it is now against the old one.
func (u *undoing) compare(now store.Tx) error {
	u.destroyed = 0
	for id := range u.old.All() {
		if _, there := now.Get(id); !there {
			u.destroyed++
		}
	}
	for _, compare := range []func(now store.Tx) error{u.comparePINs, u.comparePolicy, u.compareKeys, u.compareUses} {
		if err := compare(now); err != nil {
			return err
		}
	}
	return nil
}

// comparePolicy looks for other rules for PINs.
func (u *undoing) comparePolicy(now store.Tx) error {
	was, err := u.p.readPINPolicy(u.old)
	if err != nil {
		return err
	}
	is, err := u.p.readPINPolicy(now)
	u.policy = is != was
	return err
}

// compareKeys looks for a rotation: who had the key before it would open again what is
// written from then on.
func (u *undoing) compareKeys(now store.Tx) error {
	was, err := u.p.readPINKeys(u.old)
	if err != nil {
		return err
	}
	is, err := u.p.readPINKeys(now)
	u.rotated = is.Term > was.Term
	return err
}

// compareUses looks for uses of keys that would not be recorded any more.
func (u *undoing) compareUses(now store.Tx) error {
	was, err := u.p.readAnchor(u.old)
	if err != nil {
		return err
	}
	is, err := u.p.readAnchor(now)
	u.uses = is.Uses && !was.Uses
	return err
}

// comparePINs looks for PINs that would be other ones, or have their wrong tries back.
func (u *undoing) comparePINs(now store.Tx) error {
	policy, err := u.p.readPINPolicy(now)
	if err != nil {
		return err
	}
	for name := range u.old.Metas() {
		if !isPIN(name) {
			continue
		}
		was, _, err := u.p.readPIN(u.old, name)
		if err != nil {
			return err
		}
		is, _, err := u.p.readPIN(now, name)
		if err != nil {
			return err
		}
		u.pins[name] = comparePIN(whose(name, was), was, is, policy)
	}
	return nil
}

// comparePIN compares the records of somebody's PIN, as it was and as it is.
func comparePIN(who string, was, is auth, policy api.PINPolicy) *undoingPIN {
	if !is.initialised() {
		return &undoingPIN{who: who, removed: true}
	}
	now := time.Now()
	return &undoingPIN{
		who:     who,
		tries:   max(0, is.begun()-was.begun()),
		locked:  is.locked(policy, now) && !was.locked(policy, now),
		changed: string(was.Wrap) != string(is.Wrap) && !is.follows(&was),
	}
}

// isPIN reports whether a value is the record of a PIN.
func isPIN(name string) bool { return name == metaSO || name == metaUser || isNamed(name) }

// whose says whose PIN's record a value is.
func whose(name string, a auth) string {
	switch name {
	case metaSO:
		return "the SO"
	case metaUser:
		return "the user"
	}
	return fmt.Sprintf("user %q", a.Name)
}

// told is all of it, a sentence each.
func (u *undoing) told() (reasons []string) {
	if u.unknown != nil {
		reasons = append(reasons, fmt.Sprintf("not all that was done since can be told: %v", u.unknown))
	}
	if u.destroyed > 0 {
		reasons = append(reasons, fmt.Sprintf("objects that were destroyed since would be back: %d", u.destroyed))
	}
	if n := len(u.held); n > 0 {
		reasons = append(reasons, fmt.Sprintf("objects that were made sensitive, not extractable or the like since would not be so: %d", n))
	}
	if u.anew {
		reasons = append(reasons, "the token was initialised anew since, and what was in it would be back")
	}
	for _, meta := range slices.Sorted(maps.Keys(u.pins)) {
		reasons = append(reasons, u.pins[meta].told()...)
	}
	if u.policy {
		reasons = append(reasons, "the PIN policy, which was changed since, would be the old one")
	}
	if u.rotated {
		reasons = append(reasons, "the key that PINs open, which was rotated since, would be the old one")
	}
	if u.uses {
		reasons = append(reasons, "uses of keys, which are recorded since, would not be")
	}
	return reasons
}

func (p *undoingPIN) told() (reasons []string) {
	if p.removed {
		return []string{fmt.Sprintf("%s, whose PIN was removed since, would be back", p.who)}
	}
	if p.locked {
		reasons = append(reasons, fmt.Sprintf("the PIN of %s, which is locked, would be unlocked", p.who))
	} else if p.tries > 0 {
		reasons = append(reasons, fmt.Sprintf("wrong tries of the PIN of %s would be forgotten: %d", p.who, p.tries))
	}
	if p.changed {
		reasons = append(reasons, fmt.Sprintf("the PIN of %s, which was changed since, would be the old one", p.who))
	}
	return reasons
}
