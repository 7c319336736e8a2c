package hsm

import (
	"context"
	"os"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// Progress is told how far work has come: done of total, in units of that work.
type Progress func(done, total int)

// RotateRoot gives the home another root key, or finishes giving it one where that
// was cut off (FORMAT.md, "The root key is changed"). Other processes go on
// meanwhile. Every partition must be open: one that is broken would be lost with the
// old root key. ctx ends the work between two steps; what is left is done next time.
func (m *Module) RotateRoot(ctx context.Context, progress Progress) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refresh(); err != nil {
		return err
	}
	if m.root == nil {
		return homeError("there is no home at %s yet: make one first", m.home.dir)
	}
	unlock, err := m.home.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := m.renewRoot(); err != nil {
		return err
	}
	if err := m.allOpen(); err != nil {
		return err
	}
	next, err := m.home.nextRoot()
	if err != nil {
		return err
	}
	if err := m.changeRoot(ctx, next, progress); err != nil {
		next.Zero()
		return err
	}
	m.takeRoot(next)
	return nil
}

// changeRoot goes through the steps that are left. The caller holds m.mu and the
// home's lock.
func (m *Module) changeRoot(ctx context.Context, next *seal.Root, progress Progress) error {
	name, err := next.Fingerprint()
	if err != nil {
		return err
	}
	current, err := m.home.fingerprint()
	if err != nil {
		return err
	}
	done, total := 0, 2*len(m.partitions)
	each := func(step func(*partition.Partition) error) error {
		for _, p := range m.partitions {
			progress(done, total)
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
	if current != name {
		if err := each(func(p *partition.Partition) error { return p.AddRoot(next) }); err != nil {
			return err
		}
		if err := m.home.reseal(current, next); err != nil {
			return err
		}
		if err := m.home.writeMagic(name); err != nil {
			return err
		}
	}
	done = total / 2
	if err := each(func(p *partition.Partition) error { return p.KeepRoot(next) }); err != nil {
		return err
	}
	progress(total, total)
	if err := m.home.adoptNext(); err != nil {
		return err
	}
	if current != name {
		_ = seal.Release(m.home.holders, current) // whoever needs the new one has root.key
	}
	return m.home.dropAllResealed(name)
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

// rotating reports whether a change of the root key is not finished.
func (h home) rotating() bool {
	_, err := os.Lstat(h.path(nextRootName))
	return err == nil
}

// nextRoot is the root key that is to be the home's: the one that a change which was
// cut off had made, or a new one. The caller holds the lock.
func (h home) nextRoot() (*seal.Root, error) {
	if !h.rotating() {
		if !h.has(rootName) {
			return nil, homeError("the next root key is made as a file like %s, and this home has none: "+
				"coffer seal add key-file, and remove root.key afterwards", h.path(rootName))
		}
		h.sweepKeys()
		if err := seal.CreateKeyFile(h.path(nextRootName)); err != nil {
			return nil, homeError("root key: %w", err)
		}
	}
	return h.unseal(nextRootName)
}

// adoptNext ends the change: the next root key takes the place of the old one, which
// is gone then.
func (h home) adoptNext() error {
	err := os.Rename(h.path(nextRootName), h.path(rootName))
	if err == nil {
		err = syncDir(h.dir)
	}
	if err != nil {
		return homeError("root key: %w", err)
	}
	return nil
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
