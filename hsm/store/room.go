package store

import (
	"errors"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// noRoom is what a file system says that cannot take any more.
var noRoom = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// NoRoom reports whether an error of a file is that there is no room for more.
func NoRoom(err error) bool {
	return slices.ContainsFunc(noRoom, func(cause error) bool { return errors.Is(err, cause) })
}

// Reserve has the file system keep the first of sizes, in bytes, that it can, from offset
// on. The file does not grow. A file system that knows nothing of this is taken to have
// room: an error is one of NoRoom.
func Reserve(f *os.File, offset int64, sizes ...int64) (err error) {
	for _, n := range sizes {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, offset, n)
		if !NoRoom(err) {
			return nil
		}
	}
	return &os.PathError{Op: "reserve", Path: f.Name(), Err: err}
}

// What two small transactions may write behind the pages in use, in bytes: as much as is
// kept, and the least. The list of free pages comes on top, twice.
const (
	pagesAhead = 96 << 10
	pagesLeast = 48 << 10
)

// Reserve is in package Store's Tx.
func (t *fileTx) Reserve() error {
	if !t.writable {
		return ErrReadOnly
	}
	return t.reserve(0)
}

// reserve keeps room for two small transactions behind the pages in use, and more bytes.
func (t *fileTx) reserve(more int64) error {
	used := t.tx.Size()
	more += used / int64(t.db.Info().PageSize) * 8 * 2
	if err := Reserve(t.f, used, pagesAhead+more, pagesLeast+more); err != nil {
		return &FileError{Path: t.store.path, Err: err, Detail: "nothing was changed"}
	}
	return nil
}

// plenty is as many free bytes of a file system as one has that is not about to be full.
const plenty = 16 << 20

// keepRoom refuses a transaction that adds records, or makes some longer, and would take the
// room that Reserve needs afterwards: a full disk ends the making of keys, and not their
// use. Pages that are split are half full, so that what was put takes up to twice as much.
func (t *fileTx) keepRoom() error {
	if !t.grows || t.hasPlenty() {
		return nil
	}
	return t.reserve(pagesAhead + 2*int64(t.written))
}

func (t *fileTx) hasPlenty() bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(int(t.f.Fd()), &fs) == nil && fs.Bavail > plenty/uint64(max(fs.Bsize, 1))
}
