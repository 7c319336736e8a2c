package store

import "errors"

// What can be wrong with a store. What OpenFile, CreateFile, View and Update
// return wraps one of these with the name of the file and what to do.
var (
	// ErrMissing: there is no store, or not all of it.
	ErrMissing = errors.New("store: missing")
	// ErrExists: CreateFile found a store.
	ErrExists = errors.New("store: exists already")
	// ErrDamaged: a file is not of a store, or damaged.
	ErrDamaged = errors.New("store: damaged")
	// ErrNewer: a newer version of this program wrote the store.
	ErrNewer = errors.New("store: written by a newer version")
	// ErrPermission: a file may be read by others, belongs to another user, or
	// cannot be opened.
	ErrPermission = errors.New("store: permissions")
	// ErrBusy: another process kept the store locked for too long.
	ErrBusy = errors.New("store: busy")
	// ErrNetwork: the directory is on a network file system, whose locks are not
	// what this package needs.
	ErrNetwork = errors.New("store: on a network file system")
	// ErrUncertain: whether an Update is on the disk cannot be told.
	ErrUncertain = errors.New("store: outcome of the update unknown")
	// ErrReadOnly: a change in View.
	ErrReadOnly = errors.New("store: change in a read-only transaction")
	// ErrClosed: use after Close.
	ErrClosed = errors.New("store: closed")
	// ErrTooLarge: a record or value above MaxValue, or a name that is empty or
	// longer than 255 bytes.
	ErrTooLarge = errors.New("store: value or name of a size that cannot be stored")
)
