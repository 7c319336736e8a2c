package store

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/coffer-hsm/coffer/hsm/private"
	"golang.org/x/sys/unix"
)

// The lock file (FORMAT.md, "store.lock").
const (
	lockName    = "store.lock"
	lockSize    = 4096
	lockMagic   = "COFFERLK"
	lockVersion = 1
	offVersion  = 8
	offWord     = 64 // the generation word has a cache line of its own
	offPhase    = 72
)

// guard keeps transactions apart, those of other processes and of other copies
// of this package in this process included, with two locks: one for writers among
// each other, and one that readers share and a writer takes for the moment that
// FORMAT.md describes. Both are flock on files opened anew for every transaction.
// flock, because locks of fcntl go away when any copy in the process closes the
// file. Opened anew, because then each holder has a lock of its own, and nothing
// of ours is open between transactions.
type guard struct {
	dir, path string // path is the lock file's
	wait      time.Duration
	page      *page
}

// newGuard returns the guard of a directory, whose lock file must be there. An
// empty one is given its content.
func newGuard(dir string, wait time.Duration) (*guard, error) {
	g := &guard{dir: dir, path: filepath.Join(dir, lockName), wait: wait}
	err := g.prepare(unix.LOCK_SH)
	if errors.Is(err, errEmptyLock) {
		err = g.prepare(unix.LOCK_EX)
	}
	return g, err
}

var errEmptyLock = errors.New("the lock file is empty")

// prepare checks the lock file and maps it. Holding it alone, it fills in an
// empty one first.
func (g *guard) prepare(how int) error {
	h, err := lock(g.openLock, how, g.wait, currentHook())
	if err != nil {
		return err
	}
	defer h.release()
	info, err := h.f.Stat()
	if err != nil {
		return &FileError{Path: g.path, Err: err}
	}
	switch {
	case info.Size() != 0:
		err = g.checkHead(h.f, info.Size())
	case how == unix.LOCK_SH:
		err = errEmptyLock
	default:
		err = g.writeHead(h.f)
	}
	if err != nil {
		return err
	}
	g.page, err = mapPage(h.f)
	return err
}

func (g *guard) writeHead(f *os.File) error {
	var head [lockSize]byte
	copy(head[:], lockMagic)
	binary.NativeEndian.PutUint32(head[offVersion:], lockVersion)
	binary.NativeEndian.PutUint64(head[offWord:], 1)
	if _, err := f.WriteAt(head[:], 0); err != nil {
		f.Truncate(0)
		return &FileError{Path: g.path, Err: err}
	}
	return syncFile(f)
}

func (g *guard) checkHead(f *os.File, size int64) error {
	var head [lockSize]byte
	if _, err := f.ReadAt(head[:], 0); err != nil || size != lockSize || string(head[:8]) != lockMagic {
		return damaged(g.path, "not a lock file of this program")
	}
	if v := binary.NativeEndian.Uint32(head[offVersion:]); v != lockVersion {
		return &FileError{Path: g.path, Kind: ErrNewer, Detail: "upgrade this program"}
	}
	return nil
}

// read lets a reader in.
func (g *guard) read() (*held, error) {
	h, err := lock(g.openLock, unix.LOCK_SH, g.wait, currentHook())
	if err != nil {
		return nil, err
	}
	if err := g.sameLock(h); err != nil {
		return nil, err
	}
	g.settle()
	return h, nil
}

// write lets a writer in, one at a time.
func (g *guard) write() (*held, error) {
	return lock(g.openDir, unix.LOCK_EX, g.wait, currentHook())
}

// drain waits until no reader is left, and keeps new ones out until its release.
// The caller holds the lock of writers, and with it its place in the hook of
// transactions; k is around this one.
func (g *guard) drain(k hook) (*held, error) {
	h, err := lock(g.openLock, unix.LOCK_EX, g.wait, k)
	if err != nil {
		return nil, err
	}
	return h, g.sameLock(h)
}

// sameLock checks that a lock is on the file that Generation reads, and gives it
// back if not.
func (g *guard) sameLock(h *held) error {
	dev, ino, size, err := identity(h.f)
	switch {
	case err != nil:
	case dev != g.page.dev || ino != g.page.ino:
		err = &FileError{Path: g.path, Kind: ErrReplaced, Detail: "start the program again to go on with what is there now"}
	case size != lockSize:
		err = damaged(g.path, "not a lock file of this program")
	}
	if err != nil {
		h.release()
	}
	return err
}

// settle ends a commit whose writer was killed: nobody would mark its end, and
// every Generation would send its caller to look, for ever. That the lock of
// writers is free tells that there is nobody.
func (g *guard) settle() {
	if !g.page.in(committing) {
		return
	}
	h, err := tryLock(g.openDir, unix.LOCK_EX, nopHook)
	if err != nil {
		return
	}
	defer h.release()
	if g.page.in(committing) {
		g.page.mark(cutOff)
	}
}

func (g *guard) openLock() (*os.File, error) { return openPrivate(g.path, os.O_RDWR) }

func (g *guard) openDir() (*os.File, error) {
	f, err := private.OpenFile(g.dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, openError(g.dir, err)
	}
	return f, nil
}

// held is a lock while it is held.
type held struct {
	f    *os.File
	hook hook
}

// release gives the lock back. The explicit unlock also frees a copy of the
// descriptor in a child that was forked meanwhile.
func (h *held) release() {
	unix.Flock(int(h.f.Fd()), unix.LOCK_UN)
	h.f.Close()
	h.hook.leave()
}

// lock opens and locks a file, shared or exclusive (unix.LOCK_SH, LOCK_EX). It
// asks again and again instead of sleeping in the kernel: so the wait has an end,
// and fork is held back only while there is a descriptor to be inherited.
func lock(open func() (*os.File, error), how int, wait time.Duration, k hook) (*held, error) {
	deadline := time.Now().Add(wait)
	for pause := 20 * time.Microsecond; ; pause = min(2*pause, time.Millisecond) {
		h, err := tryLock(open, how, k)
		var busy *FileError
		if err == nil || !errors.As(err, &busy) || busy.Kind != ErrBusy || time.Now().After(deadline) {
			return h, err
		}
		time.Sleep(pause/2 + rand.N(pause))
	}
}

// tryLock opens and locks a file, or fails at once: with ErrBusy if somebody else
// has the lock. A child forked between the two would share the lock, so the hook
// is entered before the file is open.
func tryLock(open func() (*os.File, error), how int, k hook) (*held, error) {
	h := &held{hook: k}
	h.hook.enter()
	var err error
	if h.f, err = open(); err != nil {
		h.hook.leave()
		return nil, err
	}
	if err = flock(h.f, how); err != nil {
		h.f.Close()
		h.hook.leave()
		return nil, err
	}
	return h, nil
}

// flock locks an open file without waiting: ErrBusy.
func flock(f *os.File, how int) error {
	for {
		switch err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); {
		case err == nil:
			return nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return &FileError{Path: f.Name(), Kind: ErrBusy,
				Detail: "another process holds the lock; see whether one hangs or is stopped"}
		case !errors.Is(err, unix.EINTR):
			return &FileError{Path: f.Name(), Err: err}
		}
	}
}
