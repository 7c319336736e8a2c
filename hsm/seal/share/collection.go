package share

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/crypto/shamir"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Errors of shares that do not belong together. What is returned wraps one of them
// and names the share by its number, and what it is of.
var (
	ErrUse    = errors.New("it opens something else")
	ErrOf     = errors.New("it is of another one")
	ErrSet    = errors.New("it is of another set, and void if there is a newer one")
	ErrTwice  = errors.New("it has been given already")
	ErrForged = errors.New("it is not the one that was handed out under this number")
	// ErrTooFew says that more shares are needed.
	ErrTooFew = errors.New("more shares are needed")
	// ErrNotGenuine says that shares which belong together do not give the key: one
	// of them at least was changed, checks and all.
	ErrNotGenuine = errors.New("the shares do not give the key: one of them is not genuine")
)

// Known is a set that somebody has dealt, and the checks of its shares, in their
// order, if they were kept.
type Known struct {
	Set
	Checks [][CheckSize]byte
}

// Refuses says why a share is none of the set, or returns nil.
func (k Known) Refuses(s *Share) error {
	err := k.mismatch(s)
	if err != nil {
		return fmt.Errorf("share %d of %d of %s %x: %w", s.Number, s.Total, s.Use, s.Of, err)
	}
	return nil
}

func (k Known) mismatch(s *Share) error {
	switch {
	case s.Use != k.Use:
		return ErrUse
	case s.Of != k.Of:
		return ErrOf
	case s.Set != k.Set:
		return ErrSet
	case len(k.Checks) == k.Total && !s.is(k.Checks[s.Number-1]):
		return ErrForged
	}
	return nil
}

// Collection gathers shares until they give their key. It owns those that it takes.
type Collection struct {
	known  Known
	shares map[int]*Share
}

// Collect begins to gather the shares of a set. With the zero Known it is that of the
// first share.
func Collect(known Known) *Collection {
	return &Collection{known: known, shares: map[int]*Share{}}
}

// Add takes a share: ErrUse, ErrOf, ErrSet, ErrTwice, ErrForged. One that is refused
// stays the caller's.
func (c *Collection) Add(s *Share) error {
	if !c.known.ok() {
		c.known.Set = s.Set
	}
	if err := c.known.Refuses(s); err != nil {
		return err
	}
	if c.shares[s.Number] != nil {
		return fmt.Errorf("share %d: %w", s.Number, ErrTwice)
	}
	c.shares[s.Number] = s
	return nil
}

// Missing is how many more shares it takes: 1 or more while no set is known.
func (c *Collection) Missing() int {
	if !c.known.ok() {
		return MinNeeded
	}
	return max(0, c.known.Needed-len(c.shares))
}

// Set is what the shares are of; zero if that is not known yet.
func (c *Collection) Set() Set { return c.known.Set }

// Key joins the shares; the caller owns the key: ErrTooFew, ErrNotGenuine.
func (c *Collection) Key() (*secret.Bytes, error) {
	if n := c.Missing(); n > 0 {
		return nil, fmt.Errorf("%w: %d of at least %d", ErrTooFew, len(c.shares), n+len(c.shares))
	}
	var numbers []byte
	var values [][]byte
	for n, s := range c.shares {
		numbers, values = append(numbers, byte(n)), append(values, s.value.Expose())
	}
	key := secret.New(KeySize)
	err := shamir.Join(key.Expose(), numbers, values)
	runtime.KeepAlive(c)
	if err == nil && identify(key) != c.known.ID {
		err = ErrNotGenuine
	}
	if err != nil {
		key.Zero()
		return nil, err
	}
	return key, nil
}

// Zero wipes the shares.
func (c *Collection) Zero() {
	for _, s := range c.shares {
		s.Zero()
	}
}
