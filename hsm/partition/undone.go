package partition

import (
	"fmt"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Undone says, a sentence each, what would be undone if older took the place of p or
// was used beside it: older is a partition of the same ID in a store, restored from a
// backup. What was destroyed, locked or changed since is told; what would only be
// missing is not.
func (p *Partition) Undone(older store.Store) (reasons []string, err error) {
	if err := p.sync(); err != nil {
		return nil, err
	}
	err = older.View(func(old store.Tx) error {
		return p.store.View(func(now store.Tx) error {
			reasons = destroyed(old, now)
			for _, more := range []func(old, now store.Tx) ([]string, error){p.undonePINs, p.undonePolicy, p.undoneKeys, p.undoneUses} {
				list, err := more(old, now)
				if err != nil {
					return err
				}
				reasons = append(reasons, list...)
			}
			return nil
		})
	})
	return reasons, storeError(err)
}

// destroyed tells of objects that would be back.
func destroyed(old, now store.Tx) []string {
	n := 0
	for id := range old.All() {
		if _, there := now.Get(id); !there {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []string{sayDestroyed(n)}
}

// undonePolicy tells of other rules for PINs.
func (p *Partition) undonePolicy(old, now store.Tx) ([]string, error) {
	was, err := p.readPINPolicy(old)
	if err != nil {
		return nil, err
	}
	is, err := p.readPINPolicy(now)
	if err != nil || is == was {
		return nil, err
	}
	return []string{sayPolicy}, nil
}

// undoneKeys tells of a rotation: who had the key before it would open again what is
// written from then on.
func (p *Partition) undoneKeys(old, now store.Tx) ([]string, error) {
	was, err := p.readPINKeys(old)
	if err != nil {
		return nil, err
	}
	is, err := p.readPINKeys(now)
	if err != nil || is.Term <= was.Term {
		return nil, err
	}
	return []string{sayRotated}, nil
}

// undoneUses tells of uses of keys that would not be recorded any more.
func (p *Partition) undoneUses(old, now store.Tx) ([]string, error) {
	was, err := p.readAnchor(old)
	if err != nil {
		return nil, err
	}
	is, err := p.readAnchor(now)
	if err != nil || !is.Uses || was.Uses {
		return nil, err
	}
	return []string{sayUses}, nil
}

// undonePINs tells of PINs that would be other ones, or have their wrong tries back.
func (p *Partition) undonePINs(old, now store.Tx) (reasons []string, err error) {
	policy, err := p.readPINPolicy(now)
	if err != nil {
		return nil, err
	}
	for name := range old.Metas() {
		if !isPIN(name) {
			continue
		}
		a, _, err := p.readPIN(old, name)
		if err != nil {
			return nil, err
		}
		b, _, err := p.readPIN(now, name)
		if err != nil {
			return nil, err
		}
		reasons = append(reasons, undonePIN(whose(name, a), a, b, policy)...)
	}
	return reasons, nil
}

// undonePIN compares the records of somebody's PIN, as it was and as it is.
func undonePIN(who string, was, is auth, policy api.PINPolicy) (reasons []string) {
	if !is.initialised() {
		return []string{sayRemoved(who)}
	}
	now := time.Now()
	if is.locked(policy, now) && !was.locked(policy, now) {
		reasons = append(reasons, sayLocked(who))
	} else if n := is.failed(now) - was.failed(now); n > 0 {
		reasons = append(reasons, sayTries(who, n))
	}
	if string(was.Wrap) != string(is.Wrap) && !is.follows(&was) {
		reasons = append(reasons, sayChanged(who))
	}
	return reasons
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

// What is said of what would be undone.
const (
	sayRotated = "the key that PINs open, which was rotated since, would be the old one"
	sayPolicy  = "the PIN policy, which was changed since, would be the old one"
	sayUses    = "uses of keys, which are recorded since, would not be"
)

func sayDestroyed(n int) string {
	return fmt.Sprintf("objects that were destroyed since would be back: %d", n)
}

func sayRemoved(who string) string {
	return fmt.Sprintf("%s, whose PIN was removed since, would be back", who)
}

func sayLocked(who string) string {
	return fmt.Sprintf("the PIN of %s, which is locked, would be unlocked", who)
}

func sayTries(who string, n int) string {
	return fmt.Sprintf("wrong tries of the PIN of %s would be forgotten: %d", who, n)
}

func sayChanged(who string) string {
	return fmt.Sprintf("the PIN of %s, which was changed since, would be the old one", who)
}
