// Package hsm composes a Coffer: it opens a home, unseals its root key, and puts
// each partition into its slot. A Module is what slots works over and what the
// tool uses.
package hsm

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"

	"github.com/coffer-hsm/coffer/fips"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/crypto/drbg"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/service"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Version is Coffer's version: what C_GetInfo and `coffer version` tell.
const Version = "0.1.0"

// Module is an open home. It satisfies api.Module.
type Module struct {
	home       home
	settings   settings
	configFile string // in use; empty if there is none
	progress   Progress

	mu         sync.RWMutex
	root       *seal.Root // nil until the home is made
	partitions map[ck.SlotID]*partition.Partition
	twins      map[ck.SlotID]ck.SlotID // copies that are refused, and of which
	slots      []api.Slot              // replaced whole, never changed
	blank      ck.SlotID
	closed     bool
}

var _ api.Module = (*Module)(nil)

// Open opens the home that c names. A home that does not exist yet is an empty
// one: it is made with the first partition. The errors carry CKR_ARGUMENTS_BAD
// for a bad configuration, CKR_DEVICE_ERROR for a home that cannot be read or is
// damaged, CKR_TOKEN_NOT_RECOGNIZED for a root key that is not the home's. A
// single partition that cannot be opened is not an error here: its slot says so.
func Open(c Config) (*Module, error) {
	h, err := c.open()
	if err != nil {
		return nil, err
	}
	m := &Module{home: h, partitions: map[ck.SlotID]*partition.Partition{}, twins: map[ck.SlotID]ck.SlotID{}, progress: c.Progress}
	if m.settings, m.configFile, err = c.load(h.dir); err != nil {
		return nil, err
	}
	if err := c.overrule(&m.settings); err != nil {
		return nil, err
	}
	fips.Accelerate(m.settings.FIPS.Accelerated)
	made, err := m.home.exists()
	if err != nil {
		return nil, err
	}
	if made {
		if m.root, err = m.home.open(); err != nil {
			return nil, err
		}
	}
	return m, m.Refresh()
}

// Home is the directory that the module lives in.
func (m *Module) Home() string { return m.home.dir }

// Refresh opens partitions that other processes have made and drops those that
// are gone.
func (m *Module) Refresh() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refresh()
}

func (m *Module) refresh() error {
	if m.closed {
		return ck.CKR_CRYPTOKI_NOT_INITIALIZED
	}
	if err := m.lateHome(); err != nil {
		return err
	}
	used, next, err := m.home.numbers()
	if err != nil {
		return err
	}
	present := map[ck.SlotID]bool{}
	for _, n := range used {
		present[n] = true
	}
	m.forgetTwins(present)
	m.openAll(used)
	list := make([]api.Slot, 0, len(used)+1)
	for _, n := range used {
		list = append(list, api.Slot{ID: n, Partition: m.partitions[n]})
	}
	for n, p := range m.partitions {
		if !present[n] {
			p.Abandon()
			delete(m.partitions, n)
		}
	}
	m.blank = next
	if !m.settings.HideBlankSlot {
		list = append(list, api.Slot{ID: next})
	}
	m.slots = list
	return nil
}

// openAll opens the partitions that are not open yet.
func (m *Module) openAll(used []ck.SlotID) {
	opened := false
	for _, n := range used {
		if m.partitions[n] == nil {
			m.partitions[n], opened = m.openPartition(n), true
		}
	}
	if opened {
		m.refuseTwins(used)
	}
}

// lateHome unseals a home that another process has made since Open.
func (m *Module) lateHome() error {
	if m.root != nil {
		return nil
	}
	made, err := m.home.exists()
	if err == nil && made {
		m.root, err = m.home.open()
	}
	return err
}

// openPartition opens a partition, or a stand-in that says what is wrong with it. One
// that the root key does not open may have been made under the next one.
func (m *Module) openPartition(n ck.SlotID) *partition.Partition {
	dir := m.home.partitionDir(n)
	p, err := m.tryPartition(dir)
	if ck.Code(err) == ck.CKR_TOKEN_NOT_RECOGNIZED {
		if changed, _ := m.renewRoot(); changed {
			p, err = m.tryPartition(dir)
		}
	}
	if err == nil {
		return p
	}
	if code := ck.Code(asDeviceError(err)); strings.Contains(err.Error(), dir) { // of a file of it
		err = ck.Errorf(code, "%w", err)
	} else {
		err = ck.Errorf(code, "partition %s: %w", dir, err)
	}
	return partition.Broken("(cannot be opened)", err)
}

func (m *Module) tryPartition(dir string) (*partition.Partition, error) {
	st, err := store.OpenFile(dir, m.settings.store())
	if err != nil {
		return nil, err
	}
	o := m.partitionOptions(dir)
	o.Progress = m.progress
	p, err := partition.Open(st, m.root, o)
	if err != nil {
		st.Close()
		return nil, err
	}
	return p, nil
}

// partitionOptions are the settings for the partition in a directory, whose audit log
// is beside its store.
func (m *Module) partitionOptions(dir string) partition.Options {
	o := m.settings.options()
	o.Audit = auditDir(dir)
	return o
}

// auditDir is where the audit log of the partition in a directory is.
func auditDir(dir string) string { return filepath.Join(dir, auditName) }

// asDeviceError gives an error that has no code the one for a broken token.
func asDeviceError(err error) error {
	var rv ck.RV
	if errors.As(err, &rv) {
		return rv
	}
	return ck.CKR_DEVICE_ERROR
}

// Slots lists the slots as of the last Refresh. The slice is shared.
func (m *Module) Slots() []api.Slot {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.slots
}

// InitToken is C_InitToken.
func (m *Module) InitToken(slot ck.SlotID, soPIN []byte, label string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refresh(); err != nil {
		return err
	}
	if p := m.partitions[slot]; p != nil {
		return p.Initialise(soPIN, label)
	}
	if slot != m.blank {
		return ck.CKR_SLOT_ID_INVALID
	}
	_, err := m.create(slot, always, func(dir string, st store.Store) error {
		return partition.Create(st, m.root, m.partitionOptions(dir), label, soPIN, nil)
	})
	return err
}

// Mechanisms and Mechanism tell of the registry.
func (m *Module) Mechanisms() []api.MechanismInfo { return service.All() }

// Mechanism tells of one mechanism.
func (m *Module) Mechanism(t ck.MechanismType) (*api.MechanismInfo, bool) {
	mechanism, ok := service.Lookup(t)
	if !ok {
		return nil, false
	}
	return mechanism.Info(), true
}

// Random fills dst with what hsm/crypto/drbg makes of the operating system's generator;
// CKR_FUNCTION_FAILED in the error state.
func (m *Module) Random(dst []byte) error {
	if err := drbg.Read(dst); err != nil {
		return ck.Errorf(ck.CKR_FUNCTION_FAILED, "%w", err)
	}
	return nil
}

// SeedRandom refuses: the generator takes no seed from outside.
func (m *Module) SeedRandom([]byte) error { return ck.CKR_RANDOM_SEED_NOT_SUPPORTED }

// Close closes every partition and wipes the root key.
func (m *Module) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	var err error
	for _, p := range m.partitions {
		err = errors.Join(err, p.Close())
	}
	if m.root != nil {
		m.root.Zero()
	}
	secret.Collect()
	return err
}
