package hsm

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// succession is what a change of the root key goes on with, or begins with: the next
// root key and, where it is new, what it is to be sealed with.
type succession struct {
	former  string // fingerprint of the home's root key
	name    string // of the next one
	next    *seal.Root
	resumed bool
	inClear bool                    // whether the root key is in the clear, and the next one will be
	copies  []seal.SlotEntry        // of the home's root key
	sealers map[string]*seal.Sealer // by name of the copy: those that are taken along
}

// describe tells the log what the change is.
func (s *succession) describe() string {
	verb := "to"
	if s.resumed {
		verb = "goes on, to"
	}
	names := slices.Sorted(maps.Keys(s.sealers))
	return fmt.Sprintf("%s %s; sealed copies of it: %d (%s)", verb, s.name, len(names), strings.Join(names, ", "))
}

// zero wipes what is left in s.
func (s *succession) zero() {
	if s.next != nil {
		s.next.Zero()
	}
	for _, with := range s.sealers {
		with.Zero()
	}
}

// succeed finds the next root key where a change was cut off, or makes one in memory and
// finds what it is to be sealed with. Nothing is written. s is never nil.
func (h home) succeed(r Rotation) (s *succession, err error) {
	s = &succession{resumed: h.rotating(), inClear: h.has(rootName), sealers: map[string]*seal.Sealer{}}
	if s.former, err = h.fingerprint(); err != nil {
		return s, err
	}
	if s.resumed {
		s.next, err = h.openNext()
	} else {
		s.next = seal.GenerateRoot()
	}
	if err != nil {
		return s, err
	}
	if s.name, err = s.next.Fingerprint(); err != nil || s.resumed {
		return s, err
	}
	return s, s.gather(h, r)
}

// gather finds what each copy is sealed with. Shares come last: those that are dealt for
// a change which then does not begin are of nothing.
func (s *succession) gather(h home, r Rotation) (err error) {
	if s.copies, err = h.slots().List(s.former); err != nil {
		return asHomeError(err)
	}
	if err := s.hasAll(r.LeaveOut); err != nil {
		return err
	}
	for _, dealt := range []bool{false, true} {
		for _, e := range s.copies {
			isDealt := e.Err == nil && e.Slot.Kind == seal.KindShares
			if isDealt != dealt || slices.Contains(r.LeaveOut, e.Name) {
				continue
			}
			if err := s.take(h, r, e); err != nil {
				return asHomeError(fmt.Errorf("sealed copy %s cannot be taken along: %w", e.Name, err))
			}
		}
	}
	if !s.inClear && len(s.sealers) == 0 {
		return homeError("nothing would be left to open the home with: leave out fewer sealed copies, or add another one first")
	}
	return nil
}

// ErrNoCopy says that there is no sealed copy of a name.
var ErrNoCopy = errors.New("there is no sealed copy of this name")

// hasAll refuses names that no copy has: who leaves one out means it.
func (s *succession) hasAll(names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(s.copies, func(e seal.SlotEntry) bool { return e.Name == name }) {
			return fmt.Errorf("leave out %q: %w", name, ErrNoCopy)
		}
	}
	return nil
}

// take finds what one copy is sealed with. Where root.key opens the home in any case, a
// copy that nobody gives the key of is left out: FormerSeals tells of it.
func (s *succession) take(h home, r Rotation, e seal.SlotEntry) error {
	with, err := h.sealerOf(e)
	if errors.Is(err, seal.ErrAttended) && r.Sealer != nil {
		with, err = r.Sealer(e.Slot, s.name)
		if err == nil {
			err = isSealer(with, e.Slot)
		}
		if err != nil && !errors.Is(err, seal.ErrAttended) {
			return err
		}
	}
	switch {
	case err == nil:
		s.sealers[e.Name] = with
	case !s.inClear:
		return err
	}
	return nil
}

// isSealer fails, and wipes with, if it claims to be what a copy is sealed with and is
// not: seal.ErrSlotKey.
func isSealer(with *seal.Sealer, of *seal.Slot) error {
	if with.Kind != of.Kind || !reflect.DeepEqual(with.Params, of.Params) {
		return nil // another passphrase, or new shares
	}
	root, err := of.Open(with.Key)
	if err != nil {
		with.Zero()
		return err
	}
	root.Zero()
	return nil
}

// begin does the first step of a change, or makes sure that the one that goes on is
// still the same. The caller holds the lock.
func (h home) begin(s *succession, r Rotation) error {
	if err := s.stands(h); err != nil {
		return err
	}
	if err := h.holdNext(s, r); err != nil {
		return err
	}
	if s.resumed {
		return h.unstage(s.name)
	}
	if err := s.stage(h); err != nil {
		return homeError("root key: %w", err)
	}
	if err := r.done("staged"); err != nil {
		return err
	}
	if err := h.writeNext(s.next, s.name, s.inClear); err != nil {
		return err
	}
	if err := r.done("begun"); err != nil {
		return err
	}
	if err := h.unstage(s.name); err != nil {
		return err
	}
	return r.done("sealed")
}

// stands fails if another process has changed what s was made from.
func (s *succession) stands(h home) error {
	former, err := h.fingerprint()
	if err != nil {
		return err
	}
	want := ""
	if s.resumed {
		want = s.name
	}
	next, err := h.nextName()
	if err != nil {
		return err
	}
	same := former == s.former && next == want
	if same && !s.resumed {
		copies, err := h.slots().List(former)
		same = err == nil && h.has(rootName) == s.inClear && reflect.DeepEqual(copies, s.copies)
	}
	if !same {
		return homeError("another process has changed the root key or what seals it: run it again")
	}
	return nil
}

// stage writes the copies of the next root key aside and makes sure that each opens.
func (s *succession) stage(h home) error {
	if err := private.RemoveAll(string(h.staged())); err != nil { // of a change that never began
		return err
	}
	for name, with := range s.sealers {
		slot, err := seal.NewSlot(name, s.next, with)
		if err == nil {
			err = h.staged().Add(slot)
		}
		if err == nil {
			slot, err = h.staged().Get(s.name, name)
		}
		if err != nil {
			return err
		}
		root, err := slot.Open(with.Key)
		if err != nil {
			return err
		}
		root.Zero()
	}
	return nil
}

// holdNext keeps the next root key unlocked where the home's is, so that programs open
// the home all the time.
func (h home) holdNext(s *succession, r Rotation) error {
	if r.Hold == 0 || s.former == s.name {
		return nil
	}
	for _, holder := range h.holders {
		if key, err := holder.Get(s.former); err == nil {
			key.Zero()
			_, err = seal.Hold(h.holders, s.next, r.Hold)
			return asHomeError(err)
		}
	}
	return nil
}
