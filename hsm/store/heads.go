package store

import (
	"hash/fnv"
	"time"
)

// A file has two heads (bbolt's meta pages), of the last state and of the one before.
// If one of them is damaged, bbolt takes the other, which may be to go back by one
// commit that was acknowledged. A head is in one sector, which a loss of power leaves
// old or new: it is damage, and the store is not opened before somebody has looked.

// checkHeads fails if a head is damaged. One that is being written while it is read
// looks so for some microseconds.
func (t *fileTx) checkHeads() error {
	for range 20 {
		if t.wholeHeads() {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return damaged(t.store.path, "one of its two heads is broken, so that the last change may be missing (coffer check)")
}

func (t *fileTx) wholeHeads() bool {
	t.inside = true
	w := newWalk(t)
	ok := wholeHead(w.data) && wholeHead(w.data[w.pageSize:])
	t.inside = false
	return ok
}

// wholeHead checks the checksum of a meta page, which bbolt makes with FNV-1a.
func wholeHead(page []byte) bool {
	sum := fnv.New64a()
	sum.Write(page[pageHeader:metaSum])
	return order.Uint64(page[metaSum:]) == sum.Sum64()
}
