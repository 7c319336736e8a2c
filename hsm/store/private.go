package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/private"
	"golang.org/x/sys/unix"
)

// inPlace are the flags that a file of a home is opened with: a symbolic link goes
// nowhere, and nobody waits for the other end of a pipe.
const inPlace = unix.O_NOFOLLOW | unix.O_NONBLOCK

// openPrivate opens a file that must be a regular one, ours, and for nobody else
// to read. What is checked is what was opened.
func openPrivate(path string, flag int) (*os.File, error) {
	f, err := private.OpenFile(path, flag|inPlace, 0o600)
	if err != nil {
		return nil, openError(path, err)
	}
	if err := CheckPrivate(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// OpenInPlace opens a file as os.OpenFile does, with mode 600 for a new one, where it is
// and nowhere else: ErrDamaged if it is a symbolic link, or no regular file.
func OpenInPlace(path string, flag int) (*os.File, error) {
	f, err := private.OpenFile(path, flag|inPlace, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, linkError(path)
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, damaged(path, "not a regular file"))
	}
	return f, nil
}

// CheckInPlace refuses a directory that is a symbolic link, ErrDamaged, or in which others
// than its owner, who is the caller or root, could replace files: ErrPermission. One that
// is not there is none of these.
func CheckInPlace(dir string) error {
	err := privateError(dir, private.Dir(dir, private.OursOrRoots))
	if errors.Is(err, ErrMissing) {
		return nil
	}
	return err
}

func linkError(path string) error {
	return privateError(path, private.ErrLink)
}

func openError(path string, err error) error {
	e := &FileError{Path: path, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &FileError{Path: path, Kind: ErrMissing, Detail: missingHint(path)}
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Detail = ErrPermission, "run as the user whose file it is, and who may write to it"
	case errors.Is(err, unix.EROFS) && filepath.Base(path) == lockName:
		e.Detail = "a store is used only where it can be written: wrong tries of a PIN are counted there before the PIN is looked at"
	case errors.Is(err, unix.ELOOP):
		return linkError(path)
	}
	return e
}

// missingHint says what it means that this file is not there.
func missingHint(path string) string {
	if filepath.Base(path) == lockName {
		if _, err := private.Lstat(filepath.Join(filepath.Dir(path), dataName)); err == nil {
			return "the store is there without its lock file; coffer check --repair makes it again"
		}
	}
	return "there is no store here; if there was one, put it back from your copy of the home or with coffer backup restore"
}

// CheckPrivate refuses what is not a regular file, ErrDamaged, or not the caller's alone to
// read and to write: ErrPermission.
func CheckPrivate(f *os.File) error { return privateError(f.Name(), private.File(f)) }

// checkDir refuses a directory in which others could replace files.
func checkDir(dir string) error { return privateError(dir, private.Dir(dir, private.Ours)) }

// privateError names the file that is not private.
func privateError(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, private.ErrKind):
		return &FileError{Path: path, Kind: ErrDamaged, Detail: err.Error()}
	case errors.Is(err, private.ErrOthers):
		return &FileError{Path: path, Kind: ErrPermission, Detail: err.Error()}
	}
	return openError(path, err)
}

// syncFile makes a file's content durable.
func syncFile(f *os.File) error {
	if err := f.Sync(); err != nil {
		return &FileError{Path: f.Name(), Err: err}
	}
	return nil
}

// syncDir makes names in a directory durable.
func syncDir(dir string) error {
	if err := private.SyncDir(dir); err != nil {
		return openError(dir, err)
	}
	return nil
}
