package store

import (
	"encoding/binary"
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
	noList      = ^uint64(0)
)

var order = binary.NativeEndian

// walk looks at the structure of all pages that a transaction can reach. bbolt
// trusts it: for one flipped bit in the length of a page it would go and free
// billions of pages, and take its host's memory for that.
type walk struct {
	data     []byte
	pageSize uint64
	seen     []bool
}

// checkPages walks the database as this transaction sees it.
func (t *fileTx) checkPages() error {
	t.inside = true
	info := t.db.Info()
	w := walk{
		data:     unsafe.Slice(*(**byte)(unsafe.Pointer(&info.Data)), t.tx.Size()),
		pageSize: uint64(info.PageSize),
	}
	w.seen = make([]bool, uint64(len(w.data))/w.pageSize)
	ok := w.from(uint64(t.tx.ID()))
	t.inside = false
	if !ok {
		return damaged(t.store.path, "the structure of its pages is broken")
	}
	return nil
}

// from walks from the meta page of a transaction.
func (w *walk) from(tx uint64) bool {
	for id := range uint64(2) {
		meta := w.data[id*w.pageSize:]
		if order.Uint64(meta[metaTx:]) != tx {
			continue
		}
		list := order.Uint64(meta[metaList:])
		if list != noList {
			if page := w.page(list); page == nil || order.Uint16(page[8:]) != flagList {
				return false
			}
		}
		return w.tree(order.Uint64(meta[metaRoot:]))
	}
	return false
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

// tree walks a page and all below it.
func (w *walk) tree(id uint64) bool {
	page := w.page(id)
	if page == nil {
		return false
	}
	count := int(order.Uint16(page[10:]))
	if pageHeader+count*elementSize > len(page) {
		return false
	}
	for i := range count {
		element := page[pageHeader+i*elementSize:]
		var ok bool
		switch order.Uint16(page[8:]) {
		case flagBranch:
			ok = fits(element, order.Uint32(element), order.Uint32(element[4:]), 0) && w.tree(order.Uint64(element[8:]))
		case flagLeaf:
			ok = w.leaf(element)
		}
		if !ok {
			return false
		}
	}
	return true
}

// leaf checks an element of a leaf, and walks the bucket if it is one.
func (w *walk) leaf(element []byte) bool {
	pos, key, value := order.Uint32(element[4:]), order.Uint32(element[8:]), order.Uint32(element[12:])
	if !fits(element, pos, key, value) {
		return false
	}
	if order.Uint32(element)&flagBucket == 0 {
		return true
	}
	if value < 16 {
		return false
	}
	root := order.Uint64(element[pos+key:])
	return root == 0 || w.tree(root) // 0: the bucket is small and in the value itself
}

// fits reports whether key and value, at pos from their element, end in the page.
func fits(element []byte, pos, key, value uint32) bool {
	return uint64(pos)+uint64(key)+uint64(value) <= uint64(len(element))
}
