// Package private is for files and directories that are one user's alone: whether they
// are, and that what was done in them is on the disk. Who uses it says in words of its own
// which file it is about; store and seal wrap what it finds.
//
// All that is done with a path in a home is done by its functions: a process of root's that
// has entered another user's home does it as that user (hsm/FORMAT.md, "Whose a home is").
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// What File and Dir find: each error is one of these, and says what is wrong and what to do.
var (
	// ErrKind: a symbolic link, or something else that is no file or no directory.
	ErrKind = errors.New("of another kind")
	// ErrOthers: others can read or change it, or it belongs to them.
	ErrOthers = errors.New("not its owner's alone")
)

// ErrLink is an ErrKind: a symbolic link, for who opens files without following one too.
var ErrLink = found(ErrKind, "it is a symbolic link; put there what was there before")

// finding is one of the errors above in the words for one file.
type finding struct {
	kind error
	text string
}

func (f *finding) Error() string        { return f.text }
func (f *finding) Is(target error) bool { return target == f.kind }

func found(kind error, format string, args ...any) error {
	return &finding{kind, fmt.Sprintf(format, args...)}
}

// Owner says whether a user may own something; me is the user that this process acts as.
type Owner func(uid, me int) bool

// Ours is what belongs to this user.
func Ours(uid, me int) bool { return uid == me }

// OursOrRoots is also what belongs to root, who can do all anyway.
func OursOrRoots(uid, me int) bool { return uid == me || uid == 0 }

// File refuses what is not a regular file, ErrKind, or not the caller's alone to read and
// to write: ErrOthers. What is looked at is what was opened.
func File(f *os.File) error { return FileOf(f, Me(f.Name())) }

// FileOf is File for who acts as user me.
func FileOf(f *os.File, me int) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return found(ErrKind, "not a regular file; put there what was there before")
	case info.Mode().Perm()&0o077 != 0:
		return found(ErrOthers, "mode %o lets others in; chmod 600 it", info.Mode().Perm())
	}
	return owned(info, Ours, me)
}

// Dir refuses a directory that is a symbolic link or none, ErrKind, or in which others than
// its owner could replace files: ErrOthers. The path's own last name is not followed.
func Dir(dir string, by Owner) error {
	info, err := Lstat(dir)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return ErrLink
	case !info.IsDir():
		return found(ErrKind, "not a directory")
	case info.Mode().Perm()&0o022 != 0:
		return found(ErrOthers, "mode %o lets others replace files; chmod 700 it", info.Mode().Perm())
	}
	return owned(info, by, Me(dir))
}

// owned refuses what belongs to somebody whom by does not name, to a process that acts as me.
func owned(info fs.FileInfo, by Owner, me int) error {
	if uid := UID(info); !by(uid, me) {
		return found(ErrOthers, "it belongs to user %d and this process to user %d; run as its owner or chown it", uid, me)
	}
	return nil
}

// UID is whom a file belongs to.
func UID(info fs.FileInfo) int {
	uid, _ := ids(info)
	return uid
}

// ids are the user and the group that a file belongs to.
func ids(info fs.FileInfo) (uid, gid int) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), int(st.Gid)
	}
	return os.Geteuid(), os.Getegid() // a system without owners
}
