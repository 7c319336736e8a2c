package store

import (
	"bytes"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// memory is the twin of the file store that forgets.
type memory struct {
	mu         sync.RWMutex
	generation atomic.Uint64
	records    map[ID][]byte
	meta       map[string][]byte
	log        map[uint64][]ID // by generation, never pruned
	closed     bool
}

// NewMemory returns an empty Store in memory, for one process.
func NewMemory() Store {
	return &memory{records: map[ID][]byte{}, meta: map[string][]byte{}, log: map[uint64][]ID{}}
}

func (m *memory) Generation() uint64 { return m.generation.Load() }

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *memory) View(f func(Tx) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return ErrClosed
	}
	return f(&memoryTx{memory: m})
}

// Snapshot copies the maps: what is in them is never changed.
func (m *memory) Snapshot(f func(Tx) error) error {
	m.mu.RLock()
	if m.closed {
		m.mu.RUnlock()
		return ErrClosed
	}
	now := &memory{records: maps.Clone(m.records), meta: maps.Clone(m.meta), log: maps.Clone(m.log)}
	now.generation.Store(m.generation.Load())
	m.mu.RUnlock()
	return f(&memoryTx{memory: now})
}

func (m *memory) Update(f func(Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	tx := &memoryTx{memory: m, writable: true}
	done := false
	defer func() {
		if !done {
			tx.rollback()
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	done = true
	if len(tx.undo) > 0 {
		next := m.generation.Load() + 1
		m.log[next] = slices.Collect(maps.Keys(tx.changed))
		m.generation.Store(next)
	}
	return nil
}

// memoryTx changes the maps in place and keeps the way back.
type memoryTx struct {
	*memory
	writable bool
	undo     []func()
	changed  map[ID]bool
}

func (t *memoryTx) rollback() {
	for _, u := range slices.Backward(t.undo) {
		u()
	}
}

func (t *memoryTx) Generation() uint64 {
	g := t.generation.Load()
	if t.writable {
		g++
	}
	return g
}

func (t *memoryTx) Get(id ID) ([]byte, bool) {
	r, ok := t.records[id]
	return r, ok
}

func (t *memoryTx) Put(id ID, record []byte) error {
	if err := checkChange(t.writable, record); err != nil {
		return err
	}
	t.touch(id)
	t.records[id] = bytes.Clone(record)
	return nil
}

func (t *memoryTx) Delete(id ID) error {
	if err := checkChange(t.writable, nil); err != nil {
		return err
	}
	if _, ok := t.records[id]; ok {
		t.touch(id)
		delete(t.records, id)
	}
	return nil
}

// Reserve is in package Store's Tx.
func (t *memoryTx) Reserve() error { return checkChange(t.writable, nil) }

// touch notes that a record changes and how to undo that.
func (t *memoryTx) touch(id ID) {
	t.undo = append(t.undo, undoOf(t.records, id))
	if t.changed == nil {
		t.changed = map[ID]bool{}
	}
	t.changed[id] = true
}

// undoOf returns the function that puts the entry of k back as it is now.
func undoOf[K comparable](m map[K][]byte, k K) func() {
	old, ok := m[k]
	return func() {
		if ok {
			m[k] = old
		} else {
			delete(m, k)
		}
	}
}

func (t *memoryTx) All() iter.Seq2[ID, []byte] {
	return func(yield func(ID, []byte) bool) {
		byID := func(a, b ID) int { return bytes.Compare(a[:], b[:]) }
		for _, id := range slices.SortedFunc(maps.Keys(t.records), byID) {
			if !yield(id, t.records[id]) {
				return
			}
		}
	}
}

func (t *memoryTx) Len() int { return len(t.records) }

func (t *memoryTx) Meta(name string) ([]byte, bool) {
	v, ok := t.meta[name]
	return v, ok
}

func (t *memoryTx) PutMeta(name string, value []byte) error {
	if err := checkMeta(t.writable, name, value); err != nil {
		return err
	}
	t.undo = append(t.undo, undoOf(t.meta, name))
	t.meta[name] = bytes.Clone(value)
	return nil
}

func (t *memoryTx) DeleteMeta(name string) error {
	if err := checkMeta(t.writable, name, nil); err != nil {
		return err
	}
	if _, ok := t.meta[name]; ok {
		t.undo = append(t.undo, undoOf(t.meta, name))
		delete(t.meta, name)
	}
	return nil
}

func (t *memoryTx) Metas() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, name := range slices.Sorted(maps.Keys(t.meta)) {
			if !yield(name, t.meta[name]) {
				return
			}
		}
	}
}

func (t *memoryTx) Changes(since uint64) ([]ID, bool) {
	now := t.generation.Load()
	if since > now {
		return nil, false
	}
	seen := map[ID]bool{}
	for g := since + 1; g <= now; g++ {
		for _, id := range t.log[g] {
			seen[id] = true
		}
	}
	return slices.Collect(maps.Keys(seen)), true
}
