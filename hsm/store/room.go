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
	used := t.tx.Size()
	list := used / int64(t.db.Info().PageSize) * 8
	if err := Reserve(t.f, used, pagesAhead+2*list, pagesLeast+2*list); err != nil {
		return &FileError{Path: t.store.path, Err: err, Detail: "nothing was changed"}
	}
	return nil
}
