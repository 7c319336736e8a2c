package private

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// These are the functions of package os of the same name, as who acts at the path: this
// process, or where it is root's, the owner of a home that it has entered (Enter). Where
// there are two paths they are of one home.

// none is for functions that answer an error only.
type none = struct{}

func try(path string, f func() error) error {
	_, err := as(path, func() (none, error) { return none{}, f() })
	return err
}

// OpenFile is os.OpenFile.
func OpenFile(path string, flag int, mode os.FileMode) (*os.File, error) {
	return as(path, func() (*os.File, error) { return os.OpenFile(path, flag, mode) })
}

// OpenFor is OpenFile for a path that a file in home names, wherever it leads: who may
// write that file must not have others open what it could not open itself.
func OpenFor(home, path string, flag int) (*os.File, error) {
	return as(home, func() (*os.File, error) { return os.OpenFile(path, flag, 0) })
}

// CreateTemp is os.CreateTemp.
func CreateTemp(dir, pattern string) (*os.File, error) {
	return as(dir, func() (*os.File, error) { return os.CreateTemp(dir, pattern) })
}

// Lstat is os.Lstat.
func Lstat(path string) (fs.FileInfo, error) {
	return as(path, func() (fs.FileInfo, error) { return os.Lstat(path) })
}

// Stat is os.Stat.
func Stat(path string) (fs.FileInfo, error) {
	return as(path, func() (fs.FileInfo, error) { return os.Stat(path) })
}

// ReadDir is os.ReadDir.
func ReadDir(dir string) ([]os.DirEntry, error) {
	return as(dir, func() ([]os.DirEntry, error) { return os.ReadDir(dir) })
}

// Mkdir makes a directory of mode 700.
func Mkdir(dir string) error {
	return try(dir, func() error { return os.Mkdir(dir, 0o700) })
}

// MkdirAll makes a directory, and those above it, of mode 700.
func MkdirAll(dir string) error {
	return try(dir, func() error { return os.MkdirAll(dir, 0o700) })
}

// Rename is os.Rename.
func Rename(from, to string) error {
	return try(from, func() error { return os.Rename(from, to) })
}

// Exchange exchanges two files or directories as one step (renameat2(2)).
func Exchange(from, to string) error {
	err := try(from, func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
	})
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: from, New: to, Err: err}
	}
	return nil
}

// Link is os.Link.
func Link(from, to string) error {
	return try(from, func() error { return os.Link(from, to) })
}

// Remove is os.Remove.
func Remove(path string) error {
	return try(path, func() error { return os.Remove(path) })
}

// RemoveAll is os.RemoveAll.
func RemoveAll(path string) error {
	return try(path, func() error { return os.RemoveAll(path) })
}

// SyncDir makes names in a directory durable.
func SyncDir(dir string) error {
	d, err := OpenFile(dir, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
