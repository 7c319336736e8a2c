package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// What can be wrong with a store. What OpenFile, CreateFile, View and Update
// return wraps one of these, names the file and says what to do.
var (
	// ErrMissing: there is no store, or not all of it.
	ErrMissing = errors.New("missing")
	// ErrExists: CreateFile found a store.
	ErrExists = errors.New("exists already")
	// ErrDamaged: a file is not of a store, or damaged.
	ErrDamaged = errors.New("damaged or not of this program")
	// ErrReplaced: another store is where the open one was, which was moved away, as a
	// restore in its place does; or its lock file was made again.
	ErrReplaced = errors.New("another store has taken its place")
	// ErrNewer: a newer version of this program wrote the store.
	ErrNewer = errors.New("written by a newer version")
	// ErrPermission: a file may be read by others, belongs to another user, or
	// cannot be opened.
	ErrPermission = errors.New("wrong permissions")
	// ErrBusy: another process kept the store locked for too long.
	ErrBusy = errors.New("busy")
	// ErrNetwork: the directory is on a network file system, whose locks are not
	// what this package needs.
	ErrNetwork = errors.New("on a network file system")
	// ErrUncertain: whether an Update is on the disk cannot be told.
	ErrUncertain = errors.New("outcome of the update unknown")
	// ErrReadOnly: a change in View.
	ErrReadOnly = errors.New("store: change in a read-only transaction")
	// ErrClosed: use after Close.
	ErrClosed = errors.New("store: used after Close")
	// ErrTooLarge: a record or value above MaxValue, or a name that is empty or
	// longer than 255 bytes.
	ErrTooLarge = errors.New("store: value or name of a size that cannot be stored")
)

// FileError is an error about one file.
type FileError struct {
	Path   string
	Kind   error  // one of the errors above, or nil
	Detail string // what is wrong and what to do
	Err    error  // the system's or the database's own error, or nil
}

func (e *FileError) Error() string { return "store: " + e.Path + ": " + e.text(e.Detail) }

// Problem is the error without the name of the file, and without what to do about
// damage.
func (e *FileError) Problem() string { return e.text(strings.TrimSuffix(e.Detail, "; "+restore)) }

func (e *FileError) text(detail string) string {
	var parts []string
	for _, err := range e.Unwrap() {
		if of, is := err.(*fs.PathError); is && of.Path == e.Path { // the file is named once
			parts = append(parts, of.Op)
			err = of.Err
		}
		parts = append(parts, err.Error())
	}
	if detail != "" {
		parts = append(parts, detail)
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives Kind and Err to errors.Is and errors.As.
func (e *FileError) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

const restore = "nothing was changed; restore the directory from a backup"

// damaged is the error of a file whose content is not what it should be.
func damaged(path string, format string, args ...any) error {
	return &FileError{Path: path, Kind: ErrDamaged, Detail: fmt.Sprintf(format, args...) + "; " + restore}
}
