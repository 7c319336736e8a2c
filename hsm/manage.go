package hsm

import (
	"errors"
	"fmt"

	"github.com/coffer-hsm/coffer/fips"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/service"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Rules are what a partition is held to.
type Rules struct {
	Policy string        // of keys: object.StrictPolicy or object.StandardPolicy; for good
	Dates  bool          // whether keys are used between their dates only; for good
	PIN    api.PINPolicy // the SO can change it
}

// Rules are those that the configuration gives to new partitions.
func (m *Module) Rules() Rules {
	o := m.settings.options()
	return Rules{o.Policy, o.Dates, o.PINPolicy()}
}

// options are r as a partition takes them.
func (m *Module) options(r Rules) partition.Options {
	o := m.settings.options()
	o.Policy, o.Dates = r.Policy, r.Dates
	return o.WithPINPolicy(r.PIN)
}

// CheckRules fails as CreateUnder would because of the rules: CKR_ARGUMENTS_BAD.
func (m *Module) CheckRules(r Rules) error { return m.options(r).Check() }

// ErrLabelTaken says that a partition of this label is there. PKCS #11 lets tokens share a
// label, and C_InitToken makes such; who makes one by name wants to find it by name.
var ErrLabelTaken = errors.New("there is a partition of this label already")

// Create makes a partition in the next free slot under the rules of the configuration,
// with a user PIN if userPIN is not nil: ErrLabelTaken. The home is made if there is none.
func (m *Module) Create(label string, soPIN, userPIN []byte) (ck.SlotID, error) {
	return m.CreateUnder(m.Rules(), label, soPIN, userPIN)
}

// CreateUnder is Create under other rules: CKR_ARGUMENTS_BAD if they cannot be.
func (m *Module) CreateUnder(r Rules, label string, soPIN, userPIN []byte) (ck.SlotID, error) {
	o := m.options(r)
	if err := o.Check(); err != nil {
		return 0, err
	}
	for _, pin := range [][]byte{soPIN, userPIN} {
		if err := o.CheckPIN(pin); pin != nil && err != nil {
			return 0, err // before anything is made
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refresh(); err != nil {
		return 0, err
	}
	return m.create(0, func() error { return m.freeLabel(label) }, func(dir string, st store.Store) error {
		o.Audit = auditDir(dir)
		return partition.Create(st, m.root, o, label, soPIN, userPIN)
	})
}

// freeLabel fails with ErrLabelTaken. The caller holds m.mu and the lock, so that nobody
// takes the label meanwhile.
func (m *Module) freeLabel(label string) error {
	if err := m.refresh(); err != nil {
		return err
	}
	for _, p := range m.partitions {
		if p.Err() == nil && p.Info().Label == label {
			return ck.Errorf(ck.CKR_ARGUMENTS_BAD, "%w", ErrLabelTaken)
		}
	}
	return nil
}

// always is who has nothing against a new partition: C_InitToken takes any label.
func always() error { return nil }

// create makes a partition, which fill puts into its store, in the slot that is next,
// which must be want unless that is 0, if may has nothing against it under the lock. The
// caller holds m.mu.
func (m *Module) create(want ck.SlotID, may func() error, fill func(dir string, st store.Store) error) (slot ck.SlotID, err error) {
	err = m.underLock(func() error {
		if err := may(); err != nil {
			return err
		}
		_, next, err := m.home.numbers()
		if err != nil {
			return err
		}
		if want != 0 && want != next {
			return ck.Errorf(ck.CKR_SLOT_ID_INVALID, "another process has made a partition in slot %d", want)
		}
		return m.recorded(audit.Event{Act: audit.PartitionCreate, Slot: uint64(next)}, func(e *audit.Event) error {
			if err := m.makePartition(next, fill); err != nil {
				return err
			}
			slot = next
			err := m.refresh()
			if p := m.partitions[next]; p != nil && p.Err() == nil {
				e.Detail = serialPrefix + p.Info().Serial
			}
			return err
		})
	})
	return slot, err
}

// makePartition builds a partition aside and moves it into its place.
func (m *Module) makePartition(slot ck.SlotID, fill func(dir string, st store.Store) error) error {
	dir := m.home.path(partitionsName, fmt.Sprintf("%s%d", newPrefix, slot))
	if err := private.Mkdir(dir); err != nil {
		return homeError("home: %w", err)
	}
	err := m.fillPartition(dir, fill)
	if err == nil {
		err = private.Rename(dir, m.home.partitionDir(slot))
	}
	if err != nil {
		private.RemoveAll(dir)
		var rv ck.RV
		if errors.As(err, &rv) {
			return err
		}
		return homeError("new partition: %w", err)
	}
	return private.SyncDir(m.home.path(partitionsName))
}

func (m *Module) fillPartition(dir string, fill func(dir string, st store.Store) error) error {
	st, err := store.CreateFile(dir, m.settings.store())
	if err != nil {
		return err
	}
	return errors.Join(fill(dir, st), st.Close())
}

// Delete removes the partition in a slot and all that is in it. soPIN proves the
// right to; with nil the right to the files is proof enough, which the caller
// must have asked its user about.
func (m *Module) Delete(slot ck.SlotID, soPIN []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refresh(); err != nil {
		return err
	}
	p := m.partitions[slot]
	if p == nil {
		return ck.CKR_SLOT_ID_INVALID
	}
	e := audit.Event{Act: audit.PartitionDelete, Slot: uint64(slot)}
	if soPIN != nil {
		if err := p.CheckSO(soPIN); err != nil {
			return err
		}
		e.Who = "so"
	}
	if p.Err() == nil {
		e.Detail = serialPrefix + p.Info().Serial
	}
	return m.lockedHome(func() error {
		return m.recorded(e, func(*audit.Event) error { return m.remove(slot) })
	})
}

// remove removes a partition. The caller holds m.mu and the lock.
func (m *Module) remove(slot ck.SlotID) error {
	dir := m.home.partitionDir(slot)
	if err := private.Rename(dir, dir+deletedSuffix); err != nil {
		return homeError("remove: %w", err)
	}
	if err := private.SyncDir(m.home.path(partitionsName)); err != nil {
		return homeError("remove: %w", err)
	}
	if err := removeContents(dir + deletedSuffix); err != nil {
		return homeError("remove: %w", err)
	}
	return m.refresh()
}

// RecoverSO sets a new SO PIN of the partition in a slot with the PIN of a user, "" being
// the one without a name (partition/USERS.md, "The SO PIN is lost").
func (m *Module) RecoverSO(slot ck.SlotID, user string, userPIN, soPIN []byte) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	p := m.partitions[slot]
	if p == nil {
		return ck.CKR_SLOT_ID_INVALID
	}
	return p.RecoverSO(user, userPIN, soPIN)
}

// Status is the state of a module, for people.
type Status struct {
	Version    string
	Home       string
	Made       bool   // whether the home exists
	ConfigFile string // in use; empty if there is none
	Unsealer   string // what opens the root key: all that there is
	Locked     bool   // whether secrets are in memory that is not swapped
	Crypto     Crypto
	Partitions int
	Problems   []string // one line each, with what to do
}

// Crypto is what this process does cryptography with.
type Crypto struct {
	fips.Module
	service.Paths
}

// Status describes the module.
func (m *Module) Status() Status {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := Status{
		Version:    Version,
		Home:       m.home.dir,
		Made:       m.root != nil,
		ConfigFile: m.configFile,
		Locked:     secret.Locked(),
		Crypto:     Crypto{fips.Running(), service.InUse()},
		Partitions: len(m.partitions),
	}
	s.Unsealer, s.Problems = m.home.unsealers()
	if m.home.rotating() {
		s.Problems = append(s.Problems, "the root key is being changed, or that was cut off: coffer seal rotate finishes it")
	}
	if m.home.has(placingName) {
		s.Problems = append(s.Problems, "a restore was cut off, or is under way: coffer check --repair finishes it")
	}
	for _, slot := range m.slots {
		p := m.partitions[slot.ID]
		if p == nil {
			continue
		}
		for _, what := range problems(p) {
			s.Problems = append(s.Problems, fmt.Sprintf("slot %d: %s", slot.ID, what))
		}
	}
	return s
}

// problems says what is wrong with a partition.
func problems(p *partition.Partition) (list []string) {
	if err := p.Err(); err != nil {
		return []string{err.Error()}
	}
	if err := p.Waiting(); err != nil {
		list = append(list, fmt.Sprintf("%v: until there is room it can only be read", err))
	}
	if p.Rotating() {
		list = append(list, "its keys are being rotated, or that was cut off: coffer partition rotate finishes it")
	}
	return list
}
