package seal

import (
	"errors"
	"time"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Holder keeps a root key that a person has unlocked, for a time, for the programs of
// the same user. Where it is kept is never a disk.
type Holder interface {
	// Name says where, for people.
	Name() string
	// Get returns the root key with a fingerprint: ErrNotHeld.
	Get(root string) (*secret.Bytes, error)
	// Hold keeps a root key for d, which is at least a second, in the place of what
	// was kept of it.
	Hold(root string, key *secret.Bytes, d time.Duration) error
	// Drop forgets it: ErrNotHeld.
	Drop(root string) error
}

// Errors of holders.
var (
	ErrNotHeld = errors.New("not unlocked, or not any more")
	// ErrHolder says that the system has no such place.
	ErrHolder = errors.New("not available here")
)

// Hold keeps root with the first holder that can, and says with which.
func Hold(holders []Holder, root *Root, d time.Duration) (Holder, error) {
	print, err := root.Fingerprint()
	if err != nil {
		return nil, err
	}
	var failed error = ErrHolder
	for _, h := range holders {
		if err = h.Hold(print, root.key, d); err == nil {
			return h, nil
		}
		failed = errors.Join(failed, errors.New(h.Name()+": "+err.Error()))
	}
	return nil, failed
}

// Release makes every holder forget the root key with a fingerprint: ErrNotHeld if
// none had it.
func Release(holders []Holder, root string) error {
	had := false
	var failed error
	for _, h := range holders {
		switch err := h.Drop(root); {
		case err == nil:
			had = true
		case !errors.Is(err, ErrNotHeld) && !errors.Is(err, ErrHolder):
			failed = errors.Join(failed, errors.New(h.Name()+": "+err.Error()))
		}
	}
	if failed == nil && !had {
		return ErrNotHeld
	}
	return failed
}

// heldKey is a Holder as an Unsealer of one root key.
type heldKey struct {
	Holder
	root string
}

func (h heldKey) Unseal() (*secret.Bytes, error) { return h.Get(h.root) }
