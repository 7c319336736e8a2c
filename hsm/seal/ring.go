package seal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Ring is everything that can give the root key of a home.
type Ring struct {
	KeyFiles []string // that hold a root key in the clear, if they are there
	Slots    Slots
	Methods  Methods
	Holders  []Holder
}

// Open finds the root key with a fingerprint and says what gave it, for people. What
// costs least is tried first: key files, what a person has unlocked, sealed copies. If
// nothing gives it, the error is a *NotOpened.
func (r Ring) Open(root string) (found *Root, by string, err error) {
	failed := &NotOpened{Root: root}
	for _, u := range r.plain(root) {
		if found, err = unsealed(u, root); err == nil {
			return found, u.Name(), nil
		}
		failed.add(u.Name(), err)
	}
	list, err := r.Slots.List(root)
	if err != nil {
		failed.add("sealed copies", err)
	}
	for _, e := range list {
		name := "sealed copy " + e.Name
		if err = e.Err; err == nil {
			name += " (" + e.Slot.Kind + ")"
			if found, err = r.Methods.Open(e.Slot); err == nil {
				return found, name, nil
			}
		}
		failed.Attended = failed.Attended || errors.Is(err, ErrAttended)
		failed.add(name, err)
	}
	return nil, "", failed
}

// unsealed takes the root key of u if it is the one with a fingerprint.
func unsealed(u Unsealer, root string) (*Root, error) {
	key, err := u.Unseal()
	if err != nil {
		return nil, err
	}
	found, err := NewRoot(key)
	if err != nil {
		key.Zero()
		return nil, err
	}
	return found, found.is(root)
}

// plain lists what gives the root key as it is.
func (r Ring) plain(root string) []Unsealer {
	var list []Unsealer
	for _, path := range r.KeyFiles {
		list = append(list, KeyFile(path))
	}
	for _, h := range r.Holders {
		list = append(list, heldKey{h, root})
	}
	return list
}

// NotOpened says what was tried for a root key. It wraps the error of each.
type NotOpened struct {
	Root     string // fingerprint
	Attended bool   // whether somebody could unlock it
	Tried    []Attempt
}

// Attempt is one way to a root key that failed.
type Attempt struct {
	By  string
	Err error
}

func (n *NotOpened) add(by string, err error) { n.Tried = append(n.Tried, Attempt{by, err}) }

// onlyLocked reports whether nothing is wrong but that nobody has unlocked it.
func (n *NotOpened) onlyLocked() bool {
	return n.Attended && !slices.ContainsFunc(n.Tried, func(a Attempt) bool {
		return !errors.Is(a.Err, ErrNotHeld) && !errors.Is(a.Err, ErrAttended)
	})
}

// attended are the ways in that somebody can take.
func (n *NotOpened) attended() (names []string) {
	for _, a := range n.Tried {
		if errors.Is(a.Err, ErrAttended) {
			names = append(names, a.By)
		}
	}
	return names
}

func (n *NotOpened) Error() string {
	if n.onlyLocked() {
		return "locked: " + strings.Join(n.attended(), ", ")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "nothing gives root key %s", n.Root)
	mark := ":"
	for _, a := range n.Tried {
		fmt.Fprintf(&b, "%s %s: %v", mark, a.By, a.Err)
		mark = ";"
	}
	return b.String()
}

// Unwrap returns the errors of all attempts.
func (n *NotOpened) Unwrap() []error {
	var list []error
	for _, a := range n.Tried {
		list = append(list, a.Err)
	}
	return list
}
