package hsm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// What root.next is while the next root key is sealed (FORMAT.md).
const (
	nextHead   = "coffer-next 1\nroot "
	nextLength = len(nextHead) + 16 + len("\n")
)

// stagedPath is where the copies of the next root key are made, below the home.
const stagedPath = sealsName + "/" + newPrefix + "next"

// staged is the directory at stagedPath.
func (h home) staged() seal.Slots { return seal.Slots(h.path(stagedPath)) }

// rotating reports whether a change of the root key is not finished.
func (h home) rotating() bool { return h.has(nextRootName) }

// nextMarked reports whether root.next names a root key that is sealed, and which.
// Nothing secret is read of one that holds a key.
func (h home) nextMarked() (fingerprint string, sealed bool) {
	f, err := store.OpenInPlace(h.path(nextRootName), os.O_RDONLY)
	if err != nil {
		return "", false
	}
	defer f.Close()
	head := make([]byte, len(nextHead))
	if store.CheckPrivate(f) != nil { // to read it as a key says why
		return "", false
	}
	if _, err := io.ReadFull(f, head); err != nil || string(head) != nextHead {
		return "", false
	}
	rest, err := io.ReadAll(io.LimitReader(f, int64(nextLength)))
	name, ended := strings.CutSuffix(string(rest), "\n")
	return name, err == nil && ended && len(rest) == nextLength-len(nextHead)
}

// nextName is the fingerprint of the root key that is to be the next one, or "".
func (h home) nextName() (string, error) {
	if !h.rotating() {
		return "", nil
	}
	if name, sealed := h.nextMarked(); sealed {
		return name, nil
	}
	root, err := h.unseal(nextRootName)
	if err != nil {
		return "", err
	}
	defer root.Zero()
	return root.Fingerprint()
}

// nextCopies lists the sealed copies of the next root key, where they were made or in
// their place.
func (h home) nextCopies(name string) ([]seal.SlotEntry, error) {
	if !h.has(sealsName, name) {
		return h.staged().List(name)
	}
	return h.slots().List(name)
}

// openNext unseals the root key that a change which was cut off had made.
func (h home) openNext() (*seal.Root, error) {
	name, sealed := h.nextMarked()
	if !sealed {
		return h.unseal(nextRootName)
	}
	unlock, err := h.lock()
	if err != nil {
		return nil, err
	}
	err = h.unstage(name)
	unlock()
	if err != nil {
		return nil, err
	}
	root, err := h.unsealNamed(name)
	if err != nil {
		return nil, homeError("the root key is being changed, and the next one does not open: %w", err)
	}
	return root, nil
}

// writeNext writes root.next: the next root key where the present one is in the clear
// too, and else only its name.
func (h home) writeNext(next *seal.Root, name string, inClear bool) error {
	if !inClear {
		return h.writeFile(nextRootName, nextHead+name+"\n")
	}
	h.sweepKeys()
	if err := next.WriteKeyFile(h.path(nextRootName)); err != nil {
		return homeError("root key: %w", err)
	}
	return nil
}

// unstage puts the copies of the next root key into their place, if they are not there.
// The caller holds the lock, and root.next is written.
func (h home) unstage(name string) error {
	if !h.has(sealsName) {
		return nil
	}
	err := private.Rename(filepath.Join(string(h.staged()), name), h.path(sealsName, name))
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = errors.Join(private.SyncDir(h.path(sealsName)), private.RemoveAll(string(h.staged())))
	}
	if err != nil {
		return homeError("root key: %w", err)
	}
	return nil
}

// opensNext fails unless something opens the home once the next root key is its own.
func (h home) opensNext(name string) error {
	if _, sealed := h.nextMarked(); !sealed {
		return nil // it is in root.next itself
	}
	list, err := h.slots().List(name)
	for _, e := range list {
		if e.Err == nil {
			return nil
		}
		err = errors.Join(err, e.Err)
	}
	return homeError("no sealed copy of the next root key is left: coffer seal rotate --restart begins anew: %w",
		errors.Join(err, seal.ErrSlotMissing))
}

// adoptNext ends the change. A next root key in the clear takes the place of the old
// one, which is gone then.
func (h home) adoptNext() error {
	var err error
	if _, sealed := h.nextMarked(); sealed {
		err = private.Remove(h.path(nextRootName))
	} else {
		err = private.Rename(h.path(nextRootName), h.path(rootName))
	}
	if err == nil {
		err = private.SyncDir(h.dir)
	}
	if err != nil {
		return homeError("root key: %w", err)
	}
	return nil
}

// abandonNext gives up a change that was cut off, if the home has its old root key yet.
// What partitions have under the next one is dropped with the change that comes.
func (h home) abandonNext() error {
	unlock, err := h.lock()
	if err != nil {
		return err
	}
	defer unlock()
	name, err := h.nextName()
	if err != nil || name == "" {
		return err
	}
	if current, err := h.fingerprint(); err != nil || current == name {
		return errors.Join(err, homeError("the root key is changed already: coffer seal rotate finishes that, without --restart"))
	}
	_ = seal.Release(h.holders, name) // it may not be held
	err = errors.Join(h.slots().Drop(name), private.RemoveAll(string(h.staged())))
	if err == nil {
		err = private.Remove(h.path(nextRootName))
	}
	if err == nil {
		err = private.SyncDir(h.dir)
	}
	if err != nil {
		return homeError("root key: %w", fmt.Errorf("giving up the change: %w", err))
	}
	return nil
}
