package slots

import (
	"sync"
	"sync/atomic"
)

// table gives handles to values. Looking one up takes no lock and no memory,
// since every cryptographic call does it, twice; adding and removing hold a
// mutex for a few instructions.
//
// A value whose place is kept (seat) goes in and out (admit, dismiss) without its
// row being given away meanwhile: that is for values which come back often.
//
// Whoever gives rows away or takes them back holds mu, which may guard more than the
// table: a lock for what always changes together with it would cost as much again. Who
// admits and dismisses the value of a row needs only be the one who does so with that row.
//
// A handle is the number of a row, in the low 32 bits, and a sequence number of
// 31 bits above it. Rows are used again, so that the table is as large as the
// most values it ever held; the sequence number tells the next user of a row
// from the last, so that a handle comes back only after 2³¹ others of its row. It is
// never 0, and so no handle is. 2³² rows are more than memory holds.
type table[T any] struct {
	// chunks only grows; a longer list holds the same chunks.
	chunks atomic.Pointer[[]*chunk[T]]

	mu   sync.Mutex // guards what follows
	free []uint64   // rows that were used and are not: the last handle of each
	used uint32     // rows ever used
}

const (
	chunkRows    = 256
	sequenceMask = 1<<31 - 1
)

type chunk[T any] [chunkRows]atomic.Pointer[entry[T]]

// entry is a value with its whole handle, 0 while nobody is to find it.
type entry[T any] struct {
	handle atomic.Uint64
	last   uint64 // handle that it or its row has had; the row is its own while it has one
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

// enter puts in a value, in its entry. mu is held, here and up to remove.
func (t *table[T]) enter(e *entry[T]) (handle uint64) {
	t.seat(e)
	handle = e.next()
	e.admit(handle)
	return handle
}

// seat gives e a row, for good or until unseat.
func (t *table[T]) seat(e *entry[T]) {
	e.last = t.freeRow()
	t.row(e.last).Store(e)
}

// next is the handle with which e is to be admitted, and never was before.
func (e *entry[T]) next() uint64 {
	sequence := (e.last>>32 + 1) & sequenceMask
	e.last = max(sequence, 1)<<32 | uint64(uint32(e.last))
	return e.last
}

// admit lets e be found by handle. Who still has its value from another handle sees by
// this one that it has been dismissed since.
func (e *entry[T]) admit(handle uint64) { e.handle.Store(handle) }

// dismiss is the opposite of admit: nobody finds e any more.
func (e *entry[T]) dismiss() { e.handle.Store(0) }

// unseat is the opposite of seat; nobody finds e any more.
func (t *table[T]) unseat(e *entry[T]) {
	t.row(e.last).Store(nil)
	t.free = append(t.free, e.last)
}

// remove takes handle out and returns its value: nil if it was not there, so
// that of two who remove the same one only the first gets it.
func (t *table[T]) remove(handle uint64) *T {
	v := t.get(handle)
	if v != nil {
		t.unseat(t.row(handle).Load())
	}
	return v
}

// find returns a value that is admitted and matches, nil if there is none. It takes no lock.
func (t *table[T]) find(match func(*T) bool) *T {
	chunks := t.chunks.Load()
	if chunks == nil {
		return nil
	}
	for _, c := range *chunks {
		for i := range c {
			if e := c[i].Load(); e != nil && e.handle.Load() != 0 && match(&e.value) {
				return &e.value
			}
		}
	}
	return nil
}

// values returns all values there are; handles returns their handles. They take mu.
func (t *table[T]) values() (all []*T) {
	t.each(func(e *entry[T], _ uint64) { all = append(all, &e.value) })
	return all
}

func (t *table[T]) handles() (all []uint64) {
	t.each(func(_ *entry[T], handle uint64) { all = append(all, handle) })
	return all
}

func (t *table[T]) each(do func(e *entry[T], handle uint64)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := range t.used {
		e := t.row(uint64(n)).Load()
		if e == nil {
			continue
		}
		if h := e.handle.Load(); h != 0 {
			do(e, h)
		}
	}
}

// freeRow is a row that is not used, as the last handle that it had.
func (t *table[T]) freeRow() (last uint64) {
	if n := len(t.free); n > 0 {
		last = t.free[n-1]
		t.free = t.free[:n-1]
		return last
	}
	if t.used%chunkRows == 0 {
		t.grow()
	}
	t.used++
	return uint64(t.used - 1)
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
