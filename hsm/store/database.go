package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// openData opens the data file; tests put faults here.
var openData = openPrivate

// openDB opens the database for this transaction.
//
// bbolt takes a lock of its own on the file. Opened read-only it shares it, so
// that Views of several processes run side by side, but then leaves it to the
// closing of the descriptor to give it back; a forked child that inherited the
// descriptor would hold it on. So the file is kept here and close unlocks it.
func (t *fileTx) openDB() (err error) {
	t.db, err = bbolt.Open(t.store.path, 0o600, &bbolt.Options{
		ReadOnly:     !t.writable,
		Timeout:      t.store.o.Wait,
		NoStatistics: true,
		OpenFile: func(path string, flag int, _ os.FileMode) (*os.File, error) {
			f, err := t.source(path, flag&^os.O_CREATE)
			t.f = f
			return f, err
		},
	})
	if err == nil {
		return nil
	}
	t.f = nil // bbolt has closed it
	return databaseError(t.store.path, err)
}

// openToWrite opens the database when no reader is left, and then shares bbolt's
// lock, so that new ones come in.
func (t *fileTx) openToWrite() error {
	return t.store.alone(func() error {
		if err := t.openDB(); err != nil {
			return err
		}
		return flock(t.f, unix.LOCK_SH)
	})
}

// resync makes sure that the state this transaction builds on is on the disk. A
// writer that was killed may have left it in the system's memory only; one whose
// fdatasync failed may have left it there marked as written. So the page that
// makes it valid is written again. Without it on the disk, the pages that are
// free in this state may belong to the one that a crash would bring back. The
// name of the file may be as new, after a compaction.
func (t *fileTx) resync() error {
	size := int64(t.db.Info().PageSize)
	at := int64(t.tx.ID()-1) % 2 * size // bbolt counts itself up for a writer
	meta := make([]byte, size)
	_, err := t.f.ReadAt(meta, at)
	if err == nil {
		_, err = t.f.WriteAt(meta, at)
	}
	if err == nil {
		err = unix.Fdatasync(int(t.f.Fd()))
	}
	if err != nil {
		return &FileError{Path: t.store.path, Err: err, Detail: "nothing was changed"}
	}
	return syncDir(filepath.Dir(t.store.path))
}

// openExisting refuses an empty file, which bbolt would make a database of.
func openExisting(path string, flag int) (*os.File, error) {
	f, err := openData(path, flag)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() == 0 {
		err = damaged(path, "the file is empty")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// databaseError says what an error of opening means: the system's, a lock that
// was not to be had, and all else is bbolt's view of the content.
func databaseError(path string, err error) error {
	var known *FileError
	var system syscall.Errno
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &system):
		return &FileError{Path: path, Err: err}
	case errors.Is(err, berrors.ErrTimeout):
		return &FileError{Path: path, Kind: ErrBusy, Err: err, Detail: "another program has the database open"}
	}
	return damaged(path, "%v", err)
}
