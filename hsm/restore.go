package hsm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

const (
	replacedSuffix = ".replaced-"

	// lastWanted is the highest slot that a backup can ask for: slots are numbered with 31
	// bits, upwards from the highest that is in use.
	lastWanted = 1 << 30
)

// Export runs f on copies of the partitions in some slots, all of them made before f
// begins. Others go on meanwhile; the copies take as much room as the partitions until
// f returns.
func (m *Module) Export(slots []ck.SlotID, f func([]*partition.Export) error) error {
	return m.export(slots, nil, f)
}

func (m *Module) export(slots []ck.SlotID, have []*partition.Export, f func([]*partition.Export) error) error {
	if len(slots) == 0 {
		return f(have)
	}
	m.mu.RLock()
	p := m.partitions[slots[0]]
	m.mu.RUnlock()
	if p == nil {
		return ck.CKR_SLOT_ID_INVALID
	}
	var inner error
	err := p.Export(func(e *partition.Export) error {
		inner = m.export(slots[1:], append(have, e), f)
		return inner
	})
	if err != nil && inner == nil {
		return ck.Errorf(ck.Code(asDeviceError(err)), "slot %d: %w", slots[0], err)
	}
	return inner
}

// Restored is a partition that is to come into the home.
type Restored struct {
	Serial     string
	Label      string
	Slot       ck.SlotID // where it was; it comes there if that was never in use here
	Generation uint64    // that its store begins with
	Replace    ck.SlotID // the partition whose place it takes; 0: none's
	From       string    // what it comes from, for the log
	Made       time.Time // when that was made

	At     ck.SlotID // where it came, when Restore has returned
	Aside  string    // where the partition is that it replaced
	Undone []string  // what that has undone, by force
}

// Restore makes partitions that fill puts into the stores it is given, one for each of
// list, under the home's root key. Nothing that is there is written to: a partition
// that is replaced is moved aside whole. Until fill has succeeded and all is on the
// disk, nothing is changed; from then on all of them come. What was cut off between is
// finished by whoever next changes what is in the home; a Restore of the same does nothing
// more. If an older state would come back of a partition that the home has, or has had as
// far as it knows, it fails with Undoes, unless force is set. The home is made if there is
// none. It is for programs that do not fork (store.SetTransactionHook): transactions are
// within others.
func (m *Module) Restore(list []*Restored, force bool, fill func([]store.Store, *seal.Root) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refresh(); err != nil {
		return err
	}
	before, err := m.home.readPlacing()
	if err != nil {
		return err
	}
	return m.underLock(func() error {
		if m.resumed(before, list) {
			return m.refresh()
		}
		if err := m.refresh(); err != nil { // others may have been at work until we had the lock
			return err
		}
		r := newRestoring(m, list)
		defer r.clean()
		if err := r.makeStores(); err != nil {
			return err
		}
		if err := fill(r.stores, m.root); err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(o *Restored) bool { return o.Replace != 0 }) {
			// a look at the logs, however long they are, keeps nobody waiting; the next is short
			if err := r.undoes(force); err != nil {
				return err
			}
		}
		if err := r.still(list, func() error { return r.decide(force) }); err != nil {
			return err
		}
		if err := m.finishRestore(); err != nil {
			return err
		}
		return m.refresh()
	})
}

// still runs f while nobody changes what is replaced: what a restore would undo is told,
// and nothing is undone that came after.
func (r *restoring) still(list []*Restored, f func() error) error {
	for i, want := range list {
		again := func(o *Restored) bool { return o.Replace == want.Replace }
		if p := r.m.partitions[want.Replace]; p != nil && p.Err() == nil && !slices.ContainsFunc(list[i+1:], again) {
			return p.Still(func() error { return r.still(list[i+1:], f) })
		}
	}
	return f()
}

// decide puts what was restored in its place, if nothing is undone or force is set.
func (r *restoring) decide(force bool) error {
	err := r.undoes(force)
	if err == nil {
		err = r.tell()
	}
	if err = errors.Join(err, r.closeStores()); err != nil {
		return err
	}
	return r.place()
}

// resumed reports whether the restore of list is one that was cut off and has been
// finished just now: before is what was left to be done of it.
func (m *Module) resumed(before []placed, list []*Restored) bool {
	if !isOfRestore(before, list) || m.home.has(placingName) {
		return false
	}
	for i, p := range before {
		list[i].placed(m.home, p)
	}
	return true
}

// underLock makes the home if there is none, and runs f as the only one who changes
// what partitions there are. The caller holds m.mu.
func (m *Module) underLock(f func() error) error {
	if m.root == nil {
		if err := m.home.create(home.makeKeyFile); err != nil {
			return err
		}
		if err := m.lateHome(); err != nil {
			return err
		}
	}
	return m.lockedHome(func() error {
		m.home.sweep()
		return f()
	})
}

// lockedHome runs f under the home's lock and with its root key as it is then, which
// another process may have changed. The caller holds m.mu.
func (m *Module) lockedHome(f func() error) error {
	unlock, err := m.home.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := m.renewRoot(); err != nil {
		return err
	}
	if err := m.finishRestore(); err != nil {
		return err
	}
	return f()
}

// restoring is the work of Restore.
type restoring struct {
	m      *Module
	list   []*Restored
	dirs   []string // of the partitions, as long as they are aside
	stores []store.Store
	past   func() (*past, error) // home.past, which nobody changes meanwhile
	looks  []partition.Looks     // at what each of list would undo
}

func newRestoring(m *Module, list []*Restored) *restoring {
	r := &restoring{m: m, list: list, looks: make([]partition.Looks, len(list))}
	for i := range r.looks {
		r.looks[i] = partition.Looks{}
	}
	r.past = sync.OnceValues(func() (*past, error) { return m.home.past(m.root) })
	return r
}

func (r *restoring) makeStores() error {
	for i, want := range r.list {
		dir := r.m.home.path(partitionsName, fmt.Sprintf("%srestored-%d", newPrefix, i))
		r.dirs = append(r.dirs, dir)
		o := r.m.settings.store()
		o.First = want.Generation
		st, err := store.CreateFile(dir, o)
		if err != nil {
			return restoreError(err)
		}
		r.stores = append(r.stores, st)
	}
	return nil
}

func (r *restoring) closeStores() (err error) {
	for _, st := range r.stores {
		err = errors.Join(err, st.Close())
	}
	r.stores = nil
	return err
}

// clean removes what was not put in its place.
func (r *restoring) clean() {
	r.closeStores()
	for _, dir := range r.dirs {
		if dir != "" {
			private.RemoveAll(dir)
		}
	}
}

// tell has the log of each partition begin with where it comes from.
func (r *restoring) tell() error {
	for i, st := range r.stores {
		e := audit.Event{Act: audit.Restore, Detail: r.describe(i)}
		if err := partition.Note(st, r.m.root, r.m.partitionOptions(r.dirs[i]), e); err != nil {
			return restoreError(err)
		}
	}
	return nil
}

// describe says where a partition comes from, and what that has undone.
func (r *restoring) describe(i int) string {
	want := r.list[i]
	text := fmt.Sprintf(serialPrefix+"%s, generation %d, from %s", want.Serial, want.Generation, want.From)
	if want.Replace != 0 {
		text += fmt.Sprintf(", in the place of what was in slot %d", want.Replace)
	}
	if len(want.Undone) > 0 {
		text += "; by force: " + strings.Join(want.Undone, "; ")
	}
	return text
}

// there reports whether the home has a partition of this serial number.
func (r *restoring) there(serial string) bool {
	for _, p := range r.m.partitions {
		if p.Info().Serial == serial {
			return true
		}
	}
	return false
}

// twice reports whether the restore has several copies of a partition.
func (r *restoring) twice(serial string) bool {
	n := 0
	for _, want := range r.list {
		if want.Serial == serial {
			n++
		}
	}
	return n > 1
}

// freeSlot is the slot that is wanted, if there never was a partition in it, or else
// the next.
func (h home) freeSlot(want ck.SlotID) (ck.SlotID, error) {
	_, next, err := h.numbers()
	if err != nil || want < firstSlot || want > lastWanted {
		return next, err
	}
	for _, dir := range []string{h.partitionDir(want), h.partitionDir(want) + deletedSuffix} {
		if _, err := private.Lstat(dir); err == nil {
			return next, nil
		}
	}
	return want, nil
}

func restoreError(err error) error {
	var rv ck.RV
	if err == nil || errors.As(err, &rv) {
		return err
	}
	return homeError("restore: %w", err)
}
