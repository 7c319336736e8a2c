package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"
)

// The pages of bbolt's data format 2, as far as they are looked at here. Numbers
// are in the byte order of the machine.
const (
	pageHeader  = 16 // id (8), flags (2), count (2), overflow (4)
	elementSize = 16 // branch: pos, key size (4 each), page (8); leaf: flags, pos, key size, value size (4 each)
	flagBranch  = 1
	flagLeaf    = 2
	flagList    = 16
	flagBucket  = 1 // of a leaf's element
	metaRoot    = pageHeader + 16
	metaList    = pageHeader + 32
	metaTx      = pageHeader + 48
	metaSum     = pageHeader + 56
	noList      = ^uint64(0)
	longList    = 0xffff // the number of free pages stands before them
)

var order = binary.NativeEndian

// walk looks at the structure of all pages that a transaction can reach. bbolt
// trusts it: for one flipped bit in the length of a page it would go and free
// billions of pages, and take its host's memory for that; for one in the list of free
// pages it would write over a page in use.
type walk struct {
	data     []byte
	pageSize uint64
	seen     []bool
	problem  string // the first thing that is wrong
	listOnly bool   // it is in the list of free pages: all that is stored can be read
}

// checkPages walks the database as this transaction sees it.
func (t *fileTx) checkPages() error {
	w := t.walked()
	if w.problem == "" {
		return nil
	}
	return damaged(t.store.path, "the structure of its pages is broken: %s", w.problem)
}

// walked walks all pages and returns with what it found.
func (t *fileTx) walked() *walk {
	t.inside = true
	w := newWalk(t)
	w.from(uint64(t.tx.ID()))
	t.inside = false
	return w
}

func newWalk(t *fileTx) *walk {
	info := t.db.Info()
	return &walk{
		data:     unsafe.Slice(*(**byte)(unsafe.Pointer(&info.Data)), t.tx.Size()),
		pageSize: uint64(info.PageSize),
	}
}

// wrong notes what is wrong, and is false.
func (w *walk) wrong(format string, args ...any) bool {
	if w.problem == "" {
		w.problem = fmt.Sprintf(format, args...)
	}
	return false
}

// from walks from the meta page of a transaction.
func (w *walk) from(tx uint64) bool {
	w.seen = make([]bool, uint64(len(w.data))/w.pageSize)
	for id := range uint64(2) {
		meta := w.data[id*w.pageSize:]
		if order.Uint64(meta[metaTx:]) != tx {
			continue
		}
		list := order.Uint64(meta[metaList:])
		var free []byte
		if list != noList {
			free = w.page(list)
		}
		if !w.tree(order.Uint64(meta[metaRoot:]), nil, nil) {
			return false
		}
		return list == noList || w.free(free)
	}
	return w.wrong("there is no head")
}

// free looks through the list of free pages, after the walk: none of them is in use.
func (w *walk) free(list []byte) bool {
	w.listOnly = true
	if list == nil || order.Uint16(list[8:]) != flagList {
		return w.wrong("the list of free pages is not there")
	}
	count, ids := uint64(order.Uint16(list[10:])), list[pageHeader:]
	if count == longList {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return w.wrong("the list of free pages is too long")
	}
	last := uint64(1)
	for ; count > 0; count, ids = count-1, ids[8:] {
		id := order.Uint64(ids)
		if id <= last || id >= uint64(len(w.seen)) || w.seen[id] {
			return w.wrong("page %d is listed as free, and is not", id)
		}
		last = id
	}
	return true
}

// page returns a page with those it runs on into, nil if it is not a page of its
// own or has been seen.
func (w *walk) page(id uint64) []byte {
	if id < 2 || id >= uint64(len(w.seen)) {
		return nil
	}
	page := w.data[id*w.pageSize:]
	more := uint64(order.Uint32(page[12:]))
	if order.Uint64(page) != id || id+more >= uint64(len(w.seen)) {
		return nil
	}
	for i := id; i <= id+more; i++ {
		if w.seen[i] {
			return nil
		}
		w.seen[i] = true
	}
	return page[:(1+more)*w.pageSize]
}

// tree walks a page and all below it, whose keys are at least low and below high; nil
// is no bound.
func (w *walk) tree(id uint64, low, high []byte) bool {
	page := w.page(id)
	if page == nil || !w.elements(page, low, high) {
		return w.wrong("page %d", id)
	}
	return true
}

// elements walks the elements of a page, which may be one inside a value.
func (w *walk) elements(page, low, high []byte) bool {
	count := int(order.Uint16(page[10:]))
	if pageHeader+count*elementSize > len(page) {
		return false
	}
	branch := order.Uint16(page[8:]) == flagBranch
	if !branch && order.Uint16(page[8:]) != flagLeaf {
		return false
	}
	var child uint64
	for i := range count {
		element := page[pageHeader+i*elementSize:]
		key := keyOf(element, branch)
		if key == nil || bytes.Compare(key, low) < 0 || i > 0 && bytes.Equal(key, low) || high != nil && bytes.Compare(key, high) >= 0 {
			return false
		}
		switch {
		case !branch && !w.leaf(element):
			return false
		case branch && i > 0 && !w.tree(child, low, key):
			return false
		}
		low = key
		if branch {
			child = order.Uint64(element[8:])
		}
	}
	return !branch || count > 0 && w.tree(child, low, high)
}

// keyOf is the key of an element, nil if it does not end in the page.
func keyOf(element []byte, branch bool) []byte {
	pos, key, value := order.Uint32(element), order.Uint32(element[4:]), uint32(0)
	if !branch {
		pos, key, value = order.Uint32(element[4:]), order.Uint32(element[8:]), order.Uint32(element[12:])
	}
	if uint64(pos)+uint64(key)+uint64(value) > uint64(len(element)) {
		return nil
	}
	return element[pos : pos+key : pos+key]
}

// leaf walks the bucket that an element of a leaf may be.
func (w *walk) leaf(element []byte) bool {
	if order.Uint32(element)&flagBucket == 0 {
		return true
	}
	at, size := order.Uint32(element[4:])+order.Uint32(element[8:]), order.Uint32(element[12:])
	if size < 16 {
		return false
	}
	value := element[at : at+size]
	if root := order.Uint64(value); root != 0 {
		return w.tree(root, nil, nil)
	}
	// A small bucket is a page inside the value.
	return size >= 16+pageHeader && order.Uint16(value[16+8:]) == flagLeaf && w.elements(value[16:], nil, nil)
}
