package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/private"
	"golang.org/x/sys/unix"
)

// Snapshot copies the data file, as it is in one View, to a file without a name,
// and runs f on that. The copy is in the same directory, so it takes as much room
// there as the store, with the same protection, until f returns.
func (s *file) Snapshot(f func(Tx) error) error {
	var copied *os.File
	err := s.View(func(x Tx) (err error) {
		copied, err = x.(*fileTx).copy()
		return err
	})
	if err != nil {
		return err
	}
	// The first transaction that opens the copy closes it.
	return s.transact(&fileTx{store: s, source: func(string, int) (*os.File, error) { return copied, nil }}, f)
}

// copy copies the pages that this transaction sees.
func (t *fileTx) copy() (*os.File, error) {
	f, err := unnamed(filepath.Dir(t.store.path))
	if err != nil {
		return nil, err
	}
	t.inside = true
	w := &failing{w: f}
	_, err = t.tx.WriteTo(w)
	t.inside = false
	if err != nil {
		f.Close()
		if w.err != nil {
			err = w.err
		}
		return nil, &FileError{Path: f.Name(), Err: err, Detail: "copying the store beside itself failed; nothing was changed"}
	}
	return f, nil
}

// failing keeps the error of a writer, of which bbolt passes on the text alone.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(b []byte) (n int, err error) {
	if n, err = f.w.Write(b); err != nil {
		f.err = err
	}
	return n, err
}

// unnamed makes a file that is gone when it is closed.
func unnamed(dir string) (*os.File, error) {
	f, err := private.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err == nil {
		return f, nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) {
		return nil, openError(dir, err)
	}
	if f, err = private.CreateTemp(dir, ".snapshot-*"); err != nil {
		return nil, openError(dir, err)
	}
	if err := private.Remove(f.Name()); err != nil {
		f.Close()
		return nil, openError(f.Name(), err)
	}
	return f, nil
}
