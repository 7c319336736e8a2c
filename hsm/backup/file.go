package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// partSuffix marks a file that is not complete.
const partSuffix = ".part"

// WriteFile makes a file of mode 600 at path out of what write writes, complete and
// synced, or none: fs.ErrExist if there is one, ErrBusy if another process is making it.
// What one that was killed has left of the same file is written over.
func WriteFile(path string, write func(io.Writer) error) error {
	if err := Vacant(path); err != nil {
		return err
	}
	part := path + partSuffix
	f, err := openPart(part)
	if err != nil {
		return err
	}
	defer f.Close() // and with it the lock
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = private.Rename(part, path)
	}
	if err != nil {
		private.Remove(part)
		return err
	}
	return store.SyncDir(filepath.Dir(path))
}

// openPart opens the file that is not complete yet, empty, and locks it for as long as it
// is open, so that one that nobody writes to is known to be left over. A file that is none
// of ours is left alone: fs.ErrExist.
func openPart(part string) (*os.File, error) {
	f, err := private.OpenFile(part, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if err = lockPart(f); err == nil {
		err = f.Truncate(0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func lockPart(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", f.Name(), ErrBusy)
	}
	if err != nil {
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if now, err := private.Lstat(f.Name()); err != nil || !os.SameFile(info, now) { // it was finished just now
		return fmt.Errorf("%s: %w", f.Name(), ErrBusy)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || !isPart(f) {
		return fmt.Errorf("%s is in the way and not of a backup that was cut off: %w", f.Name(), fs.ErrExist)
	}
	return nil
}

// isPart reports whether a file has the beginning of a backup, or nothing in it.
func isPart(f *os.File) bool {
	head := make([]byte, len(magic))
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return isBeginning(bytes.TrimRight(head[:n], "\x00"))
}

// Vacant reports whether there is nothing at path: fs.ErrExist.
func Vacant(path string) error {
	if _, err := private.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w: nothing was changed", path, fs.ErrExist)
	}
	return nil
}
