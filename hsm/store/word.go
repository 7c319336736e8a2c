package store

import (
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// page is the lock file in memory, shared with other processes. It is mapped
// once for each file and stays: a Generation that comes after Close reads an old
// number instead of ending the host.
type page struct {
	mem      []byte
	dev, ino uint64
	unique   atomic.Uint64
}

// The phases of a commit (FORMAT.md).
const (
	settled    = 0 // what is to be seen in the data file is on the disk
	committing = 1
	cutOff     = 2 // as settled to readers, but perhaps not on the disk
)

var (
	pagesLock sync.Mutex
	pages     = map[[2]uint64]*page{}
)

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

func (p *page) phase() *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&p.mem[offPhase]))
}

// generation reads the word. While a commit is under way its state may come to
// be seen at any moment, so the answer is a number that was never given before
// and the caller looks each time. The same if somebody has cut the file off
// under the mapping (a restore in place): the fault is caught, and the caller is
// told what is wrong when it looks.
func (p *page) generation() (n uint64) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			n = p.passing(^uint64(0))
		}
	}()
	n = p.word().Load()
	if p.phase().Load() == committing {
		n = p.passing(n)
	}
	return n
}

// underWay marks numbers that are given once; in their upper half is the word.
const underWay = 1 << 63

func (p *page) passing(word uint64) uint64 {
	return underWay | word<<32 | p.unique.Add(1)&(1<<32-1)
}

// CommitUnderWay tells what a number that Generation gave says of a commit: whether one
// was under way, and which, as a number that other commits have not for a long time.
func CommitUnderWay(generation uint64) (commit uint64, yes bool) {
	return generation >> 32, generation&underWay != 0
}

// mark notes a phase and counts the word up. In this order, so that nobody reads
// the new word together with the old phase of settled and takes the state before
// the commit for the one after. A file that was cut off is met by the next
// transaction.
func (p *page) mark(phase uint32) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { recover() }()
	p.phase().Store(phase)
	p.word().Add(1)
}

// touch counts the word up where nobody commits.
func (p *page) touch() {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { recover() }()
	p.word().Add(1)
}

// in reports whether a commit is in that phase.
func (p *page) in(phase uint32) (yes bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { recover() }()
	return p.phase().Load() == phase
}
