package hsm

import (
	"errors"
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/seal"
)

// errOtherRoot is what is wrong with a root.key that was put where another one was.
var errOtherRoot = errors.New("it is not the root key of this home")

// TryKeyFile says why root.key does not open the home; nil if it does.
func (s *Seals) TryKeyFile() error {
	root, err := s.home.unseal(rootName)
	if err != nil {
		return err
	}
	defer root.Zero()
	print, err := root.Fingerprint()
	if err == nil && print != s.root {
		err = errOtherRoot
	}
	return err
}

// Try says why a copy does not open the home, as far as that can be told here and now: its
// key is looked for, but where a person or systemd has it. Nil if it does.
func (s *Seals) Try(c *seal.Slot) error {
	if c.Kind == seal.KindCredential || s.home.methods[c.Kind] == nil {
		return nil
	}
	root, err := s.home.methods.Open(c)
	if err == nil {
		root.Zero()
	}
	return err
}

// spares fails unless something but name opens the home: a copy that is whole and works,
// or a root.key that is the home's.
func (s *Seals) spares(name string) error {
	list, err := s.home.slots().List(s.root)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Err == nil && e.Name != name && s.Try(e.Slot) == nil {
			return nil
		}
	}
	if name == rootName || s.TryKeyFile() != nil {
		return fmt.Errorf("%s: %w", name, ErrLastSeal)
	}
	return nil
}
