package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// inPlace are the flags that a file of a home is opened with: a symbolic link goes
// nowhere, and nobody waits for the other end of a pipe.
const inPlace = unix.O_NOFOLLOW | unix.O_NONBLOCK

// openPrivate opens a file that must be a regular one, ours, and for nobody else
// to read. What is checked is what was opened.
func openPrivate(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|inPlace, 0o600)
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
	f, err := os.OpenFile(path, flag|inPlace, 0o600)
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
	var st unix.Stat_t
	err := unix.Lstat(dir, &st)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return openError(dir, err)
	case st.Uid == 0:
		st.Uid = uint32(os.Geteuid())
	}
	return checkDirStat(dir, &st)
}

func linkError(path string) error {
	return &FileError{Path: path, Kind: ErrDamaged, Detail: "it is a symbolic link; put there what was there before"}
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
		if _, err := os.Lstat(filepath.Join(filepath.Dir(path), dataName)); err == nil {
			return "the store is there without its lock file; coffer check --repair makes it again"
		}
	}
	return "there is no store here; if there was one, put it back from your copy of the home or with coffer backup restore"
}

// CheckPrivate refuses what is not a regular file, ErrDamaged, or not the caller's alone to
// read and to write: ErrPermission.
func CheckPrivate(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return &FileError{Path: f.Name(), Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return damaged(f.Name(), "not a regular file")
	}
	if st.Mode&0o077 != 0 {
		return &FileError{Path: f.Name(), Kind: ErrPermission,
			Detail: fmt.Sprintf("mode %o lets others in; chmod 600 it", st.Mode&0o777)}
	}
	return checkOwner(f.Name(), st.Uid)
}

func checkOwner(path string, uid uint32) error {
	if me := os.Geteuid(); int(uid) != me {
		return &FileError{Path: path, Kind: ErrPermission,
			Detail: fmt.Sprintf("it belongs to user %d and this process to user %d; run as its owner or chown it", uid, me)}
	}
	return nil
}

// checkDir refuses a directory in which others could replace files.
func checkDir(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return openError(dir, err)
	}
	return checkDirStat(dir, &st)
}

func checkDirStat(dir string, st *unix.Stat_t) error {
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return linkError(dir)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return &FileError{Path: dir, Kind: ErrDamaged, Detail: "not a directory"}
	}
	if st.Mode&0o022 != 0 {
		return &FileError{Path: dir, Kind: ErrPermission,
			Detail: fmt.Sprintf("mode %o lets others replace files; chmod 700 it", st.Mode&0o777)}
	}
	return checkOwner(dir, st.Uid)
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
	d, err := os.Open(dir)
	if err != nil {
		return openError(dir, err)
	}
	defer d.Close()
	return syncFile(d)
}
