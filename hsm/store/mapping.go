package store

import "unsafe"

// reach is how far beyond the file a damaged page can point: bbolt adds an offset
// of 32 bits to an address in the file, and to that a length of 32 bits.
const reach = 8 << 30

// mapped is where the database is in memory: the part that has pages.
func (t *fileTx) mapped() (from, size uintptr) {
	return t.db.Info().Data, uintptr(t.tx.Size())
}

// mustBeWhole panics, as bbolt does for other damage, if a key or value from a
// page ends beyond the file. Those that this transaction wrote are on the Go
// heap, far away, and pass.
func (t *fileTx) mustBeWhole(b []byte) {
	if len(b) == 0 {
		return
	}
	from, size := t.mapped()
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	if at >= from && at-from < size+reach && at-from+uintptr(len(b)) > size {
		panic("a page points outside the file")
	}
}

// inMap reports whether a panic is a fault in the mapped file: a slice that Get
// gave away was read where the file has been cut off.
func (t *fileTx) inMap(r any) bool {
	fault, ok := r.(interface{ Addr() uintptr })
	if !ok || t.f == nil || t.tx == nil {
		return false
	}
	from, size := t.mapped()
	return fault.Addr() >= from && fault.Addr()-from < size
}
