package audit

import (
	"os"

	"github.com/coffer-hsm/coffer/hsm/store"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"
)

// The room that is kept behind the end of the log, in bytes, so that some two hundred
// acts are recorded yet once the disk is full; and the least, for those of a login.
const (
	roomAhead = 64 << 10
	roomLeast = 4 << 10
)

// Ready makes sure that the records of a few acts to come can be appended: the errors of
// Settle, or of the disk. a is what the store remembers; the caller is the store's only
// writer, as in Prepare.
func (l *Log) Ready(a Anchor) error {
	h, err := l.acquire(true)
	if err != nil {
		return err
	}
	defer h.release()
	if err := h.settleWith(a); err != nil {
		return err
	}
	if err := reserve(h.log, h.at.offset, roomAhead, roomLeast); err != nil {
		return err
	}
	return reserve(h.hashes, tlog.StoredHashCount(h.at.Size)*tlog.HashSize, roomAhead/4, roomLeast/4)
}

// reserve has the file system keep the first of sizes that it can, from offset on. The
// file does not grow. A file system that knows nothing of this is taken to have room.
func reserve(f *os.File, offset int64, sizes ...int64) (err error) {
	for _, n := range sizes {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, offset, n)
		if !store.NoRoom(err) {
			return nil
		}
	}
	return &os.PathError{Op: "reserve", Path: f.Name(), Err: err}
}
