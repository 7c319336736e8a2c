package hsm

import (
	"context"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// Progress is told how far work has come: done of total, in units of that work.
type Progress func(done, total int)

// Rotation is how the root key is changed. The zero value asks nobody.
type Rotation struct {
	Progress Progress // in partitions, each counted twice
	// Sealer gives what the sealed copy former, which takes a person, is sealed with
	// for the next root key, by its fingerprint. An error ends the change before it has
	// begun; in a home with root.key, one that is seal.ErrAttended leaves the copy out.
	Sealer func(former *seal.Slot, next string) (*seal.Sealer, error)
	// LeaveOut names sealed copies that are not taken along: ErrNoCopy of one that there is
	// not. A change that goes on has its copies made already, and does not look.
	LeaveOut []string
	// Restart gives up a change that was cut off before the home had the next root key,
	// and begins anew.
	Restart bool
	// Hold is how long the next root key is kept unlocked if the present one is; 0: not.
	Hold time.Duration

	step func(done string) error // in tests: what has been done; an error cuts it off
}

func (r Rotation) done(step string) error {
	if r.step == nil {
		return nil
	}
	return r.step(step)
}

// RotateRoot gives the home another root key, or finishes giving it one where that
// was cut off (FORMAT.md, "The root key is changed"). Other processes go on
// meanwhile. Every partition must be open: one that is broken would be lost with the
// old root key. A home without root.key takes every sealed copy along that is not to be
// left out, or fails: what cannot be taken along then is in the error. ctx ends the work
// between two steps; what is left is done next time.
func (m *Module) RotateRoot(ctx context.Context, r Rotation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refresh(); err != nil {
		return err
	}
	if m.root == nil {
		return homeError("there is no home at %s yet: make one first", m.home.dir)
	}
	if err := m.allOpen(); err != nil {
		return err
	}
	if r.Restart {
		if err := m.home.abandonNext(); err != nil {
			return err
		}
	}
	s, err := m.home.succeed(r) // people are asked before others have to wait
	defer s.zero()
	if err != nil {
		return err
	}
	return m.lockedHome(func() error {
		if err := m.allOpen(); err != nil {
			return err
		}
		err := m.recorded(audit.Event{Act: audit.RotateRoot, Detail: s.describe()}, func(*audit.Event) error {
			if err := m.home.begin(s, r); err != nil {
				return err
			}
			return m.changeRoot(ctx, s.next, r)
		})
		if err != nil {
			return err
		}
		m.takeRoot(s.next)
		s.next = nil
		return nil
	})
}

// changeRoot goes through the steps that are left. The caller holds m.mu and the
// home's lock.
func (m *Module) changeRoot(ctx context.Context, next *seal.Root, r Rotation) error {
	name, err := next.Fingerprint()
	if err != nil {
		return err
	}
	current, err := m.home.fingerprint()
	if err != nil {
		return err
	}
	half := len(m.partitions)
	if current != name {
		add := func(p *partition.Partition) error { return p.AddRoot(next) }
		if err := m.eachPartition(ctx, r, 0, add); err != nil {
			return err
		}
		if err := m.home.addLogRoot(m.root, next); err != nil {
			return err
		}
		if err := m.changeOver(current, next, r); err != nil {
			return err
		}
	}
	keep := func(p *partition.Partition) error { return p.KeepRoot(next) }
	if err := m.eachPartition(ctx, r, half, keep); err != nil {
		return err
	}
	if err := m.home.keepLogRoot(next); err != nil {
		return err
	}
	r.tell(2*half, 2*half)
	if err := m.home.adoptNext(); err != nil {
		return err
	}
	if err := r.done("adopted"); err != nil {
		return err
	}
	if current != name {
		_ = seal.Release(m.home.holders, current) // nothing is under it any more
	}
	return m.home.dropAllResealed(name)
}

// eachPartition does a step in every partition; done is how many steps were before.
func (m *Module) eachPartition(ctx context.Context, r Rotation, done int, step func(*partition.Partition) error) error {
	for _, p := range m.partitions {
		r.tell(done, 2*len(m.partitions))
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(p); err != nil {
			return err
		}
		done++
	}
	return nil
}

// tell tells of progress.
func (r Rotation) tell(done, total int) {
	if r.Progress != nil {
		r.Progress(done, total)
	}
}

// changeOver makes next the home's root key, which every partition opens with by now.
func (m *Module) changeOver(current string, next *seal.Root, r Rotation) error {
	name, err := next.Fingerprint()
	if err != nil {
		return err
	}
	if !m.home.has(sealsName, name) { // begun by a version that seals copies only here
		if err := m.home.reseal(current, next); err != nil {
			return err
		}
	}
	if err := r.done("partitions"); err != nil {
		return err
	}
	if err := m.home.opensNext(name); err != nil {
		return err
	}
	if err := m.home.writeMagic(name); err != nil {
		return err
	}
	return r.done("changed over")
}

// allOpen opens all partitions that there are and fails if one is broken.
func (m *Module) allOpen() error {
	if err := m.refresh(); err != nil {
		return err
	}
	for _, p := range m.partitions {
		if err := p.Err(); err != nil {
			return homeError("repair or delete the broken partition first: %w", err)
		}
	}
	return nil
}

// RotateKeys gives the partition in a slot new keys, for who has logged in to it, or
// finishes giving it them (package partition). progress counts records.
func (m *Module) RotateKeys(ctx context.Context, slot ck.SlotID, who api.Caller, progress Progress) error {
	m.mu.RLock()
	p := m.partitions[slot]
	m.mu.RUnlock()
	if p == nil {
		return ck.CKR_SLOT_ID_INVALID
	}
	return p.RotateKeys(ctx, who, progress)
}

// Renewed is what a rotation has made of the key that PINs open.
type Renewed = partition.Renewed

// Renewed tells of the last rotation of the keys of the partition in a slot.
func (m *Module) Renewed(slot ck.SlotID) Renewed {
	m.mu.RLock()
	p := m.partitions[slot]
	m.mu.RUnlock()
	if p == nil {
		return Renewed{}
	}
	return p.Renewed()
}

// takeRoot puts root in the place of the module's.
func (m *Module) takeRoot(root *seal.Root) {
	if m.root != nil {
		m.root.Zero()
	}
	m.root = root
}

// renewRoot unseals the home's root key again if another process has changed it since
// this one did.
func (m *Module) renewRoot() (changed bool, err error) {
	want, err := m.home.fingerprint()
	if err != nil {
		return false, err
	}
	if have, err := m.root.Fingerprint(); err != nil || have == want {
		return false, err
	}
	root, err := m.home.open()
	if err != nil {
		return false, err
	}
	m.takeRoot(root)
	return true, nil
}

// open unseals the root key that is this home's.
func (h home) open() (*seal.Root, error) {
	for before := ""; ; {
		want, err := h.fingerprint()
		if err != nil {
			return nil, err
		}
		root, err := h.unsealNamed(want)
		if err == nil || want == before {
			return root, err
		}
		before = want // a change of the root key may just have ended: look again
	}
}
