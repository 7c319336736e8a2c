package hsm

import (
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// Init makes a home with a fresh root key in a key file, and says where. It fails
// with fs.ErrExist if there is one.
func Init(c Config) (string, error) { return initWith(c, home.makeKeyFile) }

// InitSealed is Init with a root key that is sealed under a key instead, as the copy
// of this name. It is in no file in the clear.
func InitSealed(c Config, name string, with *seal.Sealer) (string, error) {
	root := seal.GenerateRoot()
	defer root.Zero()
	return InitRoot(c, name, root, with)
}

// InitRoot is InitSealed with a root key that the caller has made, for who has to know
// its fingerprint before. It stays the caller's.
func InitRoot(c Config, name string, root *seal.Root, with *seal.Sealer) (string, error) {
	return initWith(c, func(h home) (string, error) { return h.makeSealed(name, root, with) })
}

// CanInit fails as Init would, without making anything, and says where the home is.
func CanInit(c Config) (string, error) {
	h, err := c.unmade()
	return h.dir, err
}

// unmade is the home where it is to be made: an error if there is one.
func (c Config) unmade() (home, error) {
	h, err := c.open()
	if err != nil {
		return home{}, err
	}
	made, err := h.exists()
	if err == nil && made {
		err = ck.Errorf(ck.CKR_DEVICE_ERROR, "home %s: %w", h.dir, os.ErrExist)
	}
	return h, err
}

func initWith(c Config, makeRoot func(home) (string, error)) (string, error) {
	h, err := c.unmade()
	if err != nil {
		return h.dir, err
	}
	return h.dir, h.create(makeRoot)
}

// create makes the home and, by makeRoot, its root key, or finishes one that was
// begun. makeRoot returns the fingerprint. The caller holds no lock: it is taken here.
func (h home) create(makeRoot func(home) (string, error)) error {
	if err := private.MkdirAll(h.dir); err != nil {
		return homeError("home: %w", err)
	}
	unlock, err := h.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if made, err := h.exists(); made || err != nil {
		return err
	}
	h.sweepKeys()
	if h.has(auditName) { // of one that was begun: it may be under another root key
		if _, err := h.setLogAside(); err != nil {
			return homeError("home: %w", err)
		}
	}
	if err := private.MkdirAll(h.path(partitionsName)); err != nil {
		return homeError("home: %w", err)
	}
	print, err := makeRoot(h)
	if err != nil {
		return err
	}
	return h.writeMagic(print)
}

// sweepKeys removes what killed processes have left of making the root key, so that
// it has one name only. The caller holds the lock.
func (h home) sweepKeys() {
	left, _ := filepath.Glob(h.path(newPrefix + "*"))
	for _, path := range left {
		private.Remove(path)
	}
}

// makeKeyFile makes root.key, unless it is there.
func (h home) makeKeyFile() (string, error) {
	if h.has(sealsName) {
		return "", homeError("%s is left of a home that was not finished: if no key was ever made in it, remove it and start again", h.path(sealsName))
	}
	if !h.has(rootName) {
		if err := seal.CreateKeyFile(h.path(rootName)); err != nil {
			return "", homeError("root key: %w", err)
		}
	}
	root, err := h.unseal(rootName)
	if err != nil {
		return "", err
	}
	defer root.Zero()
	if err := h.beginLog(root); err != nil {
		return "", err
	}
	return root.Fingerprint()
}

// makeSealed makes a root key that only a sealed copy has. What an attempt that was
// cut off has left is another root key's, under which there is nothing.
func (h home) makeSealed(name string, root *seal.Root, with *seal.Sealer) (string, error) {
	if h.has(rootName) {
		return "", homeError("%s is there already: coffer init without --seal finishes that home", h.path(rootName))
	}
	slot, err := seal.NewSlot(name, root, with)
	if err == nil {
		err = h.slots().Add(slot)
	}
	if err != nil {
		return "", homeError("root key: %w", err)
	}
	return slot.Root, h.beginLog(root)
}
