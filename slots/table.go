package slots

import (
	"sync"
	"sync/atomic"
)

// table gives handles to values. Looking one up takes no lock and no memory,
// since every cryptographic call does it, twice; adding and removing hold a
// mutex for a few instructions.
//
// A handle is the number of a row, in the low 32 bits, and a sequence number of
// 31 bits above it. Rows are used again, so that the table is as large as the
// most values it ever held; the sequence number tells the next user of a row
// from the last, so that a handle comes back only after 2³¹ others. It is never
// 0, and so no handle is. 2³² rows are more than memory holds.
type table[T any] struct {
	// chunks only grows; a longer list holds the same chunks.
	chunks atomic.Pointer[[]*chunk[T]]

	mu   sync.Mutex
	free []uint32 // rows that were used and are not
	used uint32   // rows ever used
	last uint32   // sequence number given last
}

const (
	chunkRows    = 256
	sequenceMask = 1<<31 - 1
)

type chunk[T any] [chunkRows]atomic.Pointer[entry[T]]

// entry is a value with its whole handle, 0 while it is in no row.
type entry[T any] struct {
	handle atomic.Uint64
	value  T
}

// row returns the place of handle, nil if there is none yet.
func (t *table[T]) row(handle uint64) *atomic.Pointer[entry[T]] {
	chunks := t.chunks.Load()
	n := uint32(handle)
	if chunks == nil || int(n/chunkRows) >= len(*chunks) {
		return nil
	}
	return &(*chunks)[n/chunkRows][n%chunkRows]
}

// get returns the value of handle, nil if there is none.
func (t *table[T]) get(handle uint64) *T {
	row := t.row(handle)
	if row == nil || handle == 0 {
		return nil
	}
	if e := row.Load(); e != nil && e.handle.Load() == handle {
		return &e.value
	}
	return nil
}

// add puts in a value, which fill makes of a zero one. Nobody finds it by its handle
// before that is done.
func (t *table[T]) add(fill func(handle uint64, value *T)) uint64 { return t.put(new(entry[T]), fill) }

// put is add with an entry that was made before, and perhaps removed. Who still has its
// value from then sees by the handle that it is another one.
func (t *table[T]) put(e *entry[T], fill func(handle uint64, value *T)) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	handle := t.nextSequence()<<32 | uint64(t.freeRow())
	fill(handle, &e.value)
	e.handle.Store(handle)
	t.row(handle).Store(e)
	return handle
}

// remove takes handle out and returns its value: nil if it was not there, so
// that of two who remove the same one only the first gets it.
func (t *table[T]) remove(handle uint64) *T {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.get(handle)
	if v != nil {
		row := t.row(handle)
		row.Load().handle.Store(0)
		row.Store(nil)
		t.free = append(t.free, uint32(handle))
	}
	return v
}

// values returns all values there are.
func (t *table[T]) values() []*T {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*T
	for n := range t.used {
		if e := t.row(uint64(n)).Load(); e != nil {
			all = append(all, &e.value)
		}
	}
	return all
}

func (t *table[T]) nextSequence() uint64 {
	if t.last = (t.last + 1) & sequenceMask; t.last == 0 {
		t.last = 1
	}
	return uint64(t.last)
}

func (t *table[T]) freeRow() uint32 {
	if n := len(t.free); n > 0 {
		row := t.free[n-1]
		t.free = t.free[:n-1]
		return row
	}
	if t.used%chunkRows == 0 {
		t.grow()
	}
	t.used++
	return t.used - 1
}

func (t *table[T]) grow() {
	var chunks []*chunk[T]
	if old := t.chunks.Load(); old != nil {
		chunks = *old
	}
	// append writes only behind what readers of the shorter list look at.
	chunks = append(chunks, new(chunk[T]))
	t.chunks.Store(&chunks)
}
