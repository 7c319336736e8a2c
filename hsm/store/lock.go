package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// FileLock is an exclusive lock on a file beside a store, with the rules that the
// store has for its own: flock on a descriptor opened for the purpose, the
// transaction hook around it, an explicit unlock.
type FileLock struct{ h *held }

// LockFile opens and locks the file at path, which must be there, private, and
// ours: ErrBusy if others hold it for longer than the default wait. Who locks a store
// as well locks the store first: inside says that this is done in a transaction, which
// has its place in the hook already (a second one would wait for a fork that waits for
// the first).
func LockFile(path string, inside bool) (*FileLock, error) {
	open := func() (*os.File, error) { return openPrivate(path, os.O_RDWR) }
	around := currentHook()
	if inside {
		around = nopHook
	}
	h, err := lock(open, unix.LOCK_EX, defaultWait, around)
	if err != nil {
		return nil, err
	}
	return &FileLock{h}, nil
}

// File is the locked file. It is closed by Release.
func (l *FileLock) File() *os.File { return l.h.f }

// Release gives the lock back and closes the file.
func (l *FileLock) Release() { l.h.release() }

// Still runs f while nobody writes to the store in dir, as its next writer would: ErrBusy if
// somebody does for longer than the default wait. f may move the directory away.
func Still(dir string, f func() error) error {
	h, err := lock((&guard{dir: dir}).openDir, unix.LOCK_EX, defaultWait, currentHook())
	if err != nil {
		return err
	}
	defer h.release()
	return f()
}

// OpenPrivate opens a file that must be a regular one, ours, and for nobody else
// to read or write; flag is that of os.OpenFile, a new file gets mode 600.
func OpenPrivate(path string, flag int) (*os.File, error) { return openPrivate(path, flag) }

// SyncDir makes names in a directory durable.
func SyncDir(dir string) error { return syncDir(dir) }

// CheckRoom refuses to write beyond the limit of a file's size (ulimit -f), to
// which the system's answer is a signal that ends the host.
func CheckRoom(path string, written int) error { return checkRoom(path, written) }
