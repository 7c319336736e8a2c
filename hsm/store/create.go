package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/private"
	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// newSuffix marks a data file that is not complete.
const newSuffix = ".new"

// makeDir makes a directory and those above it, durably.
func makeDir(dir string) error {
	if _, err := private.Stat(dir); err == nil {
		return nil
	}
	up := filepath.Dir(dir)
	if up != dir {
		if err := makeDir(up); err != nil {
			return err
		}
	}
	if err := private.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return openError(dir, err)
	}
	return syncDir(up)
}

// makeLock makes an empty lock file if there is none.
func makeLock(path string) error {
	f, err := openPrivate(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	return f.Close()
}

// RestoreLock makes the lock file of the store in dir again, which has lost it: ErrMissing
// where there is no store, ErrBusy while a transaction of before is under way. Programs
// that have the store open refuse it from then on, as one whose lock was replaced.
func RestoreLock(dir string, o Options) error {
	if err := checkDir(dir); err != nil {
		return err
	}
	if err := o.checkFilesystem(dir); err != nil {
		return err
	}
	if o.Wait <= 0 {
		o.Wait = defaultWait
	}
	open := func() (*os.File, error) { return openData(filepath.Join(dir, dataName), os.O_RDWR) }
	h, err := lock(open, unix.LOCK_EX, o.Wait, currentHook()) // bbolt's lock: every transaction has it
	if err != nil {
		return err
	}
	defer h.release()
	if err := makeLock(filepath.Join(dir, lockName)); err != nil {
		return err
	}
	return syncDir(dir)
}

// create makes the data file under another name, complete and durable, and only
// then gives it its own.
func (s *file) create() error {
	return s.asWriter(func() error {
		return s.alone(s.writeFirst)
	})
}

// writeFirst does so for a creator who is alone.
func (s *file) writeFirst() error {
	if _, err := private.Lstat(s.path); err == nil {
		return &FileError{Path: s.path, Kind: ErrExists, Detail: "nothing was changed"}
	}
	unfinished := s.path + newSuffix
	if err := private.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return openError(unfinished, err)
	}
	if err := writeEmpty(unfinished, s.o.First); err != nil {
		return err
	}
	return s.putInPlace(unfinished)
}

// newDB makes a database.
func newDB(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		OpenFile: func(path string, flag int, _ os.FileMode) (*os.File, error) {
			return openPrivate(path, flag|os.O_EXCL)
		},
	})
	if err != nil {
		return nil, asFileError(path, err)
	}
	return db, nil
}

// writeEmpty writes the database of a store without records, as of a generation.
func writeEmpty(path string, generation uint64) error {
	db, err := newDB(path)
	if err != nil {
		return err
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketStore, bucketRecords, bucketMeta, bucketLog} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketStore).Put(keyState, state{generation: generation}.encode())
	})
	if err != nil {
		return asFileError(path, err)
	}
	return nil
}

// asFileError names the file in an error that does not.
func asFileError(path string, err error) error {
	var known *FileError
	if errors.As(err, &known) {
		return err
	}
	return &FileError{Path: path, Err: err}
}
