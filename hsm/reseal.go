package hsm

import (
	"errors"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// reseal seals next under the keys of the sealed copies of the root key old, as far as
// those keys are found without a person. It may be done twice. The caller holds the
// lock.
func (h home) reseal(old string, next *seal.Root) error {
	list, err := h.slots().List(old)
	if err != nil {
		return err
	}
	for _, e := range list {
		with, err := h.sealerOf(e)
		if err != nil {
			continue // FormerSeals tells of it
		}
		err = h.resealOne(e.Name, next, with)
		with.Zero()
		if err != nil {
			return homeError("root key: %w", err)
		}
	}
	return nil
}

func (h home) resealOne(name string, next *seal.Root, with *seal.Sealer) error {
	slot, err := seal.NewSlot(name, next, with)
	if err != nil {
		return err
	}
	return h.slots().Replace(slot)
}

// sealerOf finds the key of a copy and makes sure that it is the one. Shares are of one
// root key: others are dealt for the next.
func (h home) sealerOf(e seal.SlotEntry) (*seal.Sealer, error) {
	if e.Err != nil {
		return nil, e.Err
	}
	if e.Slot.Kind == seal.KindShares {
		return nil, seal.ErrAttended
	}
	key, err := h.methods.Find(e.Slot)
	if err != nil {
		return nil, err
	}
	root, err := e.Slot.Open(key)
	if err != nil {
		key.Zero()
		return nil, err
	}
	root.Zero()
	return &seal.Sealer{Kind: e.Slot.Kind, Params: e.Slot.Params, Key: key}, nil
}

// dropResealed removes the copies of the root key old that there are of the next one
// too. What is left is kept: it opens backups of the home that were made before.
func (h home) dropResealed(old, next string) error {
	list, err := h.slots().List(old)
	if err != nil {
		return err
	}
	left := 0
	for _, e := range list {
		if _, err := private.Lstat(h.slots().Path(next, e.Name)); err != nil {
			left++
			continue
		}
		if err := h.slots().Remove(old, e.Name); err != nil {
			return err
		}
	}
	if left == 0 {
		return h.slots().Drop(old)
	}
	return nil
}

// dropAllResealed is dropResealed for every root key but the home's.
func (h home) dropAllResealed(next string) error {
	roots, err := h.slots().Roots()
	for _, old := range roots {
		if old != next {
			err = errors.Join(err, h.dropResealed(old, next))
		}
	}
	return err
}

// FormerSeals names the sealed copies that a change of the root key has not taken
// along, because nobody gave their passphrase or they were to be left out. They open the
// home no more: add them again.
func (m *Module) FormerSeals() (names []string, err error) {
	current, err := m.home.fingerprint()
	if err != nil {
		return nil, err
	}
	roots, err := m.home.slots().Roots()
	for _, root := range roots {
		if root == current || m.home.rotating() {
			continue
		}
		list, _ := m.home.slots().List(root)
		for _, e := range list {
			names = append(names, e.Name)
		}
	}
	return names, err
}
