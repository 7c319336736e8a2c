package hsm

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// slots is the directory with the sealed copies of the root key.
func (h home) slots() seal.Slots { return seal.Slots(h.path(sealsName)) }

// ring is all that can give the root key.
func (h home) ring() seal.Ring {
	return seal.Ring{KeyFiles: h.keyFiles(), Slots: h.slots(), Methods: h.methods, Holders: h.holders}
}

// keyFiles lists the root keys that are in the clear: root.key, and that which is to
// be the next one while it is being changed.
func (h home) keyFiles() (paths []string) {
	if h.has(rootName) {
		paths = append(paths, h.path(rootName))
	}
	if _, sealed := h.nextMarked(); h.has(nextRootName) && !sealed {
		paths = append(paths, h.path(nextRootName))
	}
	return paths
}

// has reports whether there is something of this name, or at this path, in the home.
func (h home) has(names ...string) bool {
	_, err := private.Lstat(h.path(names...))
	return !errors.Is(err, fs.ErrNotExist)
}

// unsealNamed gets the root key with a fingerprint from whatever has it.
func (h home) unsealNamed(want string) (*seal.Root, error) {
	root, _, err := h.ring().Open(want)
	var failed *seal.NotOpened
	if errors.As(err, &failed) {
		return nil, h.notOpened(failed)
	}
	return root, err
}

// unsealers tells of all that there is to open the home with, and what is wrong with
// it.
func (h home) unsealers() (names string, problems []string) {
	var all []string
	if h.has(rootName) || !h.has(sealsName) {
		all = append(all, "key file "+h.path(rootName))
	}
	root, err := h.fingerprint()
	if err != nil {
		return strings.Join(all, ", "), nil // no home yet
	}
	list, err := h.slots().List(root)
	if err != nil {
		problems = append(problems, err.Error())
	}
	for _, e := range list {
		if e.Err != nil {
			problems = append(problems, e.Err.Error())
			continue
		}
		all = append(all, e.Name+" ("+e.Slot.Kind+")")
	}
	return strings.Join(all, ", "), problems
}

// notOpened explains why nothing gives the root key. Of a home that was never sealed
// otherwise, the key file is all that there is to speak of.
func (h home) notOpened(failed *seal.NotOpened) error {
	if h.has(sealsName) {
		hint := "put root.key or a backup of " + h.path(sealsName) + " back"
		if failed.Attended {
			hint = "unlock it: coffer seal unlock"
			if private.Foreign(h.dir) {
				hint += ", as root too: what another user has unlocked is that user's alone"
			}
		}
		return homeError("root key of %s: %w: %s", h.dir, failed, hint)
	}
	for _, a := range failed.Tried {
		switch {
		case errors.Is(a.Err, seal.ErrSlotMoved):
			return ck.Errorf(ck.CKR_TOKEN_NOT_RECOGNIZED,
				"%s is not the root key of %s: put back the one that was there when it was made", h.path(rootName), h.dir)
		case !errors.Is(a.Err, seal.ErrNotHeld) && !errors.Is(a.Err, seal.ErrHolder):
			return homeError("root key: %w", a.Err)
		}
	}
	_, err := seal.KeyFile(h.path(rootName)).Unseal()
	return homeError("root key: %w", err)
}
