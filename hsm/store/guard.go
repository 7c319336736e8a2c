package store

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

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
)

// guard keeps transactions apart, those of other processes and of other copies
// of this package in this process included: flock on a file of its own, opened
// anew for every transaction. flock, because locks of fcntl go away when any
// copy in the process closes the file. Opened anew, because then each holder has
// a lock of its own, and nothing of ours is open between transactions.
type guard struct {
	path string
	wait time.Duration
	page *page
}

// page is the lock file in memory, shared with other processes. It is mapped
// once for each file and stays: a Generation that comes after Close reads an old
// number instead of ending the host.
type page struct {
	mem      []byte
	dev, ino uint64
	faults   atomic.Uint64
}

var (
	pagesLock sync.Mutex
	pages     = map[[2]uint64]*page{}
)

// newGuard returns the guard of a directory, whose lock file must be there. An
// empty one is given its content.
func newGuard(dir string, wait time.Duration) (*guard, error) {
	g := &guard{path: filepath.Join(dir, lockName), wait: wait}
	h, err := lockFile(g.path, unix.LOCK_EX, wait)
	if err != nil {
		return nil, err
	}
	defer h.release()
	if err := g.prepare(h.f); err != nil {
		return nil, err
	}
	g.page, err = mapPage(h.f)
	return g, err
}

// prepare writes the content of a lock file that has none, and checks one that
// has. The caller holds the lock.
func (g *guard) prepare(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return &FileError{Path: g.path, Err: err}
	}
	var head [lockSize]byte
	if info.Size() == 0 {
		copy(head[:], lockMagic)
		binary.NativeEndian.PutUint32(head[offVersion:], lockVersion)
		binary.NativeEndian.PutUint64(head[offWord:], 1)
		if _, err := f.WriteAt(head[:], 0); err != nil {
			f.Truncate(0)
			return &FileError{Path: g.path, Err: err}
		}
		return syncFile(f)
	}
	if _, err := f.ReadAt(head[:], 0); err != nil || info.Size() != lockSize || string(head[:8]) != lockMagic {
		return damaged(g.path, "not a lock file of this program")
	}
	if v := binary.NativeEndian.Uint32(head[offVersion:]); v != lockVersion {
		return &FileError{Path: g.path, Kind: ErrNewer, Detail: "upgrade this program"}
	}
	return nil
}

// mapPage maps a lock file, or finds the mapping there is of it.
func mapPage(f *os.File) (*page, error) {
	dev, ino, size, err := identity(f)
	if err != nil {
		return nil, err
	}
	pagesLock.Lock()
	defer pagesLock.Unlock()
	if p := pages[[2]uint64{dev, ino}]; p != nil {
		return p, nil
	}
	if size != lockSize {
		return nil, damaged(f.Name(), "not a lock file of this program")
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, lockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, &FileError{Path: f.Name(), Err: err, Detail: "the file cannot be shared between processes here"}
	}
	p := &page{mem: mem, dev: dev, ino: ino}
	pages[[2]uint64{dev, ino}] = p
	return p, nil
}

func identity(f *os.File) (dev, ino uint64, size int64, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, 0, 0, &FileError{Path: f.Name(), Err: err}
	}
	return uint64(st.Dev), st.Ino, st.Size, nil
}

func (p *page) word() *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&p.mem[offWord]))
}

// generation reads the word. Somebody may have cut the file off under the
// mapping (a restore in place): the fault is caught, and the answer is a number
// that was never seen, so that the caller looks and is told what is wrong.
func (p *page) generation() (n uint64) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			n = ^p.faults.Add(1)
		}
	}()
	return p.word().Load()
}

// held is a lock while it is held.
type held struct {
	f    *os.File
	hook hook
}

// acquire takes the lock, shared or exclusive (unix.LOCK_SH, LOCK_EX), and
// checks that it still is the file that Generation reads.
func (g *guard) acquire(how int) (*held, error) {
	h, err := lockFile(g.path, how, g.wait)
	if err != nil {
		return nil, err
	}
	dev, ino, size, err := identity(h.f)
	if err == nil && (size != lockSize || dev != g.page.dev || ino != g.page.ino) {
		err = damaged(g.path, "the lock file was replaced while in use; start the program again if that was meant")
	}
	if err != nil {
		h.release()
		return nil, err
	}
	return h, nil
}

// release gives the lock back. The explicit unlock also frees a copy of the
// descriptor in a child that was forked meanwhile.
func (h *held) release() {
	unix.Flock(int(h.f.Fd()), unix.LOCK_UN)
	h.f.Close()
	h.hook.leave()
}

// lockFile opens and locks the file at path. It asks again and again instead of
// sleeping in the kernel: so the wait has an end, and fork is held back only while
// there is a descriptor to be inherited.
func lockFile(path string, how int, wait time.Duration) (*held, error) {
	deadline := time.Now().Add(wait)
	for pause := 20 * time.Microsecond; ; pause = min(2*pause, time.Millisecond) {
		h, err := tryLock(path, how)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) {
			return h, err
		}
		if time.Now().After(deadline) {
			return nil, &FileError{Path: path, Kind: ErrBusy,
				Detail: "another process holds the lock; see whether one hangs or is stopped"}
		}
		time.Sleep(pause/2 + rand.N(pause))
	}
}

// tryLock opens and locks the file at path, or fails at once: with
// unix.EWOULDBLOCK if somebody else has the lock. A child forked between the two
// would share the lock, so the hook is entered before the file is open.
func tryLock(path string, how int) (*held, error) {
	h := &held{hook: currentHook()}
	h.hook.enter()
	var err error
	if h.f, err = openPrivate(path, os.O_RDWR); err != nil {
		h.hook.leave()
		return nil, err
	}
	for {
		err = unix.Flock(int(h.f.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return h, nil
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		h.f.Close()
		h.hook.leave()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, err
		}
		return nil, &FileError{Path: path, Err: err}
	}
}
