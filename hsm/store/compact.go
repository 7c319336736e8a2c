package store

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/private"
	"go.etcd.io/bbolt"
)

// Compacter is a Store whose room on the disk can be given back.
type Compacter interface {
	// Compact rewrites what is stored without the room that nothing is in any more,
	// which otherwise is kept for later, and returns the sizes in bytes before and
	// after. Readers go on meanwhile; writers wait. It takes the room of both at
	// once, and leaves all as it was if there is not enough, or it is cut off.
	Compact() (before, after int64, err error)
}

var _ Compacter = (*file)(nil)

// Compact is in Compacter.
func (s *file) Compact() (before, after int64, err error) {
	err = s.asWriter(func() error {
		before, after, err = s.exchange((*fileTx).checkAll, func() error { return nil })
		return err
	})
	return before, after, err
}

// exchange writes what is stored to a new file and puts that in the place of the old
// one. check sees the old one before, and aside is called when the new one is complete.
// The caller is a writer.
func (s *file) exchange(check func(*fileTx) error, aside func() error) (before, after int64, err error) {
	unfinished := s.path + newSuffix
	if before, after, err = s.writeCompact(unfinished, check); err == nil {
		err = aside()
	}
	if err != nil {
		private.Remove(unfinished)
		return before, after, err
	}
	return before, after, s.alone(func() error { return s.putInPlace(unfinished) })
}

// putInPlace gives a complete and durable data file its name, durably. If that is
// cut off, the next writer makes sure of the name before it writes to the file.
func (s *file) putInPlace(unfinished string) error {
	s.page.mark(cutOff)
	if err := private.Rename(unfinished, s.path); err != nil {
		return openError(s.path, err)
	}
	if err := syncDir(filepath.Dir(s.path)); err != nil {
		return err
	}
	s.page.mark(settled)
	return nil
}

// writeCompact writes what a reader sees to a new file.
func (s *file) writeCompact(to string, check func(*fileTx) error) (before, after int64, err error) {
	if err := private.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, openError(to, err)
	}
	err = s.transact(&fileTx{store: s, source: openExisting}, func(x Tx) error {
		t := x.(*fileTx)
		if err := check(t); err != nil {
			return err
		}
		if before, err = sizeOf(s.path); err != nil {
			return err
		}
		return t.writeCompact(to)
	})
	if err == nil {
		after, err = sizeOf(to)
	}
	return before, after, err
}

// atOnce is how many bytes are compacted in one transaction, which are in memory
// until then.
const atOnce = 16 << 20

func (t *fileTx) writeCompact(to string) error {
	db, err := newDB(to)
	if err != nil {
		return err
	}
	db.NoSync = true // all of it, once, before it gets its name
	t.inside = true
	err = bbolt.Compact(db, t.db, atOnce)
	t.inside = false
	if err == nil {
		err = db.Sync()
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return asFileError(to, err)
	}
	return nil
}

func sizeOf(path string) (int64, error) {
	info, err := private.Stat(path)
	if err != nil {
		return 0, openError(path, err)
	}
	return info.Size(), nil
}
