package hsm

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Seals is how the root key of a home is sealed, for who looks after it: no partition
// is opened. Each call stands for itself; changes are made under the home's lock and
// are on the disk when the call returns.
type Seals struct {
	home home
	root string // fingerprint
	// nameless: coffer.home is lost, and root is the only one that there are copies of.
	nameless bool
}

// ErrLastSeal says that nothing would be left to open a home with.
var ErrLastSeal = errors.New("it is the last that opens the home: add another one first")

// RootKeyName names the root key's file, root.key, among what opens a home.
const RootKeyName = rootName

// OpenSeals opens the home that c names, which must have been made, and no root key. One
// that has lost its first file can be unlocked if it has copies of one root key only.
func OpenSeals(c Config) (*Seals, error) {
	h, err := c.open()
	if err != nil {
		return nil, err
	}
	made, err := h.exists()
	if roots, _ := h.slots().Roots(); errors.Is(err, errFirstFile) && len(roots) == 1 {
		return &Seals{h, roots[0], true}, nil // to be unlocked, so that coffer.home is made again
	}
	if err == nil && !made {
		err = h.noHome()
	}
	if err != nil {
		return nil, err
	}
	s := &Seals{home: h}
	s.root, err = h.fingerprint()
	return s, err
}

// Fingerprint is that of the home's root key.
func (s *Seals) Fingerprint() string { return s.root }

// List tells of every sealed copy of the root key, by name, and whether there is a
// root.key.
func (s *Seals) List() (list []seal.SlotEntry, keyFile bool, err error) {
	list, err = s.home.slots().List(s.root)
	return list, s.home.has(rootName), asHomeError(err)
}

// Held says where the root key is unlocked, or "".
func (s *Seals) Held() string {
	for _, h := range s.home.holders {
		if key, err := h.Get(s.root); err == nil {
			key.Zero()
			return h.Name()
		}
	}
	return ""
}

// Stale lists the fingerprints of former root keys that sealed copies are left of.
func (s *Seals) Stale() ([]string, error) {
	if s.home.rotating() {
		return nil, nil // one of them is the next
	}
	roots, err := s.home.slots().Roots()
	var stale []string
	for _, r := range roots {
		if r != s.root {
			stale = append(stale, r)
		}
	}
	return stale, asHomeError(err)
}

// Change is a change of the root key that is not finished.
type Change struct {
	Next   string           // fingerprint of the root key that is to be the next one
	Known  error            // why Next is empty: root.next cannot be read
	Over   bool             // whether it is the home's already, and only the old one is left to drop
	Copies []seal.SlotEntry // sealed copies of Next; those of a change that has just begun are not in their place yet
}

// Changing tells of a change of the root key that is under way or was cut off; nil if
// there is none. coffer seal rotate goes on with it.
func (s *Seals) Changing() (*Change, error) {
	if !s.home.rotating() {
		return nil, nil
	}
	c := &Change{}
	if c.Next, c.Known = s.home.nextName(); c.Known != nil {
		return c, nil
	}
	c.Over = c.Next == s.root
	var err error
	c.Copies, err = s.home.nextCopies(c.Next)
	return c, asHomeError(err)
}

// Unattended reports whether programs open copies of this kind by themselves.
func Unattended(kind string) bool { return Config{}.methods("")[kind] != nil }

// Get reads the copy of this name.
func (s *Seals) Get(name string) (*seal.Slot, error) {
	slot, err := s.home.slots().Get(s.root, name)
	return slot, asHomeError(err)
}

// Free fails with seal.ErrSlotName or seal.ErrSlotExists if a copy cannot have this
// name.
func (s *Seals) Free(name string) error {
	if !seal.IsSlotName(name) {
		return fmt.Errorf("%q: %w", name, seal.ErrSlotName)
	}
	if _, err := private.Lstat(s.home.slots().Path(s.root, name)); err == nil {
		return fmt.Errorf("%s: %w", name, seal.ErrSlotExists)
	}
	return nil
}

// Opens fails if the root key cannot be had without a person.
func (s *Seals) Opens() error {
	root, err := s.Root()
	if err == nil {
		root.Zero()
	}
	return err
}

// Root unseals the root key; the caller wipes it.
func (s *Seals) Root() (*seal.Root, error) { return s.home.open() }

// Add seals the root key under another key as well.
func (s *Seals) Add(name string, with *seal.Sealer) error {
	return s.put(audit.SealAdd, name, with, s.home.slots().Add)
}

// Rekey seals the root key under another key in the place of the copy of this name,
// which must exist, damaged or not. At any moment the old or the new one opens it.
func (s *Seals) Rekey(name string, with *seal.Sealer) error {
	return s.put(audit.SealRekey, name, with, func(slot *seal.Slot) error {
		if _, err := private.Lstat(s.home.slots().Path(s.root, name)); err != nil {
			return fmt.Errorf("%s: %w", name, seal.ErrSlotMissing)
		}
		return s.home.slots().Replace(slot)
	})
}

func (s *Seals) put(act audit.Act, name string, with *seal.Sealer, write func(*seal.Slot) error) error {
	if !seal.IsSlotName(name) {
		return asHomeError(fmt.Errorf("%q: %w", name, seal.ErrSlotName))
	}
	return s.recorded(act, describeSeal(name, with), func(root *seal.Root) error {
		slot, err := seal.NewSlot(name, root, with)
		if err != nil {
			return err
		}
		return write(slot)
	})
}

// describeSeal tells the log of a sealed copy: of shares, how many were dealt.
func describeSeal(name string, with *seal.Sealer) string {
	text := fmt.Sprintf("%s, of kind %s", name, with.Kind)
	if with.Kind == seal.KindShares { // hsm/seal/FORMAT.md has the names
		text += fmt.Sprintf(", %s of %s", with.Params["needed"], with.Params["total"])
	}
	return text
}

// AddKeyFile writes root.key: the root key in the clear.
func (s *Seals) AddKeyFile() error {
	return s.recorded(audit.SealAdd, rootName+", in the clear", func(root *seal.Root) error {
		return root.WriteKeyFile(s.home.path(rootName))
	})
}

// recorded changes what seals the root key, under the lock, and has that in the log.
func (s *Seals) recorded(act audit.Act, detail string, change func(*seal.Root) error) error {
	return s.locked(func() error {
		root, err := s.Root()
		if err != nil {
			return err
		}
		defer root.Zero()
		e := audit.Event{Act: act, Detail: detail}
		return s.home.recorded(root, e, func(*audit.Event) error { return asHomeError(change(root)) })
	})
}

// CanRemove fails as Remove would, without removing anything: ErrLastSeal, or
// seal.ErrSlotMissing.
func (s *Seals) CanRemove(name string) error {
	there := s.isStale(name) || s.home.has(rootName) && name == rootName
	if !there {
		if _, err := private.Lstat(s.home.slots().Path(s.root, name)); err != nil {
			return asHomeError(fmt.Errorf("%s: %w", name, seal.ErrSlotMissing))
		}
	}
	return asHomeError(s.spares(name))
}

// Remove removes the copy of this name, or root.key, or all copies of a former root
// key that Stale lists: ErrLastSeal if no other one that
// opens the home is left.
func (s *Seals) Remove(name string) error {
	if err := s.spares(name); err != nil {
		return asHomeError(err)
	}
	return s.recorded(audit.SealRemove, name, func(*seal.Root) error {
		if s.isStale(name) {
			return s.home.slots().Drop(name)
		}
		if err := s.spares(name); err != nil {
			return err
		}
		if name != rootName {
			return s.home.slots().Remove(s.root, name)
		}
		if err := private.Remove(s.home.path(rootName)); err != nil {
			return err
		}
		return private.SyncDir(s.home.dir)
	})
}

func (s *Seals) isStale(root string) bool {
	stale, err := s.Stale()
	return err == nil && slices.Contains(stale, root)
}

// Unlock opens the copy of this name with its key and keeps the root key for d where
// the programs of the same user find it. It says where: seal.ErrSlotKey.
func (s *Seals) Unlock(name string, key *secret.Bytes, d time.Duration) (string, error) {
	slot, err := s.home.slots().Get(s.root, name)
	if err != nil {
		return "", asHomeError(err)
	}
	root, err := slot.Open(key)
	if err != nil {
		return "", asHomeError(fmt.Errorf("sealed copy %s: %w", name, err))
	}
	defer root.Zero()
	if err := s.note(root, audit.Event{Act: audit.SealUnlock, Detail: fmt.Sprintf("with %s, for %v", name, d)}); err != nil {
		return "", err
	}
	h, err := seal.Hold(s.home.holders, root, d)
	if err != nil {
		return "", homeError("the root key cannot be kept unlocked: %w", err)
	}
	return h.Name(), nil
}

// Lock forgets the root key that was unlocked: seal.ErrNotHeld. That is done, and then
// recorded.
func (s *Seals) Lock() error {
	root := s.heldRoot()
	if err := seal.Release(s.home.holders, s.root); err != nil || root == nil {
		return err
	}
	defer root.Zero()
	if err := s.note(root, audit.Event{Act: audit.SealLock}); err != nil {
		return fmt.Errorf("the root key is locked, but that could not be recorded: %w", err)
	}
	return nil
}

// heldRoot is the root key that is unlocked, or nil.
func (s *Seals) heldRoot() *seal.Root {
	for _, h := range s.home.holders {
		key, err := h.Get(s.root)
		if err != nil {
			continue
		}
		if root, err := seal.NewRoot(key); err == nil {
			return root
		}
		key.Zero()
	}
	return nil
}

// note records what is one record, with the root key that s knows of.
func (s *Seals) note(root *seal.Root, e audit.Event) error {
	unlock, err := s.home.lock()
	if err != nil {
		return err
	}
	defer unlock()
	now, err := s.home.fingerprint()
	switch {
	case s.nameless && errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case now != s.root:
		return homeError("the root key was changed meanwhile: run it again")
	}
	return s.home.note(root, e)
}

// locked does f under the home's lock, for the root key that is the home's then.
func (s *Seals) locked(f func() error) error {
	unlock, err := s.home.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if s.root, err = s.home.fingerprint(); err != nil {
		return err
	}
	if s.home.rotating() { // the copies of the next root key are made: they would not know
		return homeError("the root key is being changed: coffer seal rotate finishes that")
	}
	return asHomeError(f())
}

// asHomeError gives an error that has no code that of a broken token.
func asHomeError(err error) error {
	var rv ck.RV
	if err == nil || errors.As(err, &rv) {
		return err
	}
	return homeError("home: %w", err)
}
