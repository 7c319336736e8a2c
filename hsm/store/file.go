package store

import (
	"errors"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coffer-hsm/coffer/hsm/private"
	"golang.org/x/sys/unix"
)

// Options of a store on disk. The zero value is good.
type Options struct {
	// Log is how many generations back Changes reaches; 0 means 4096.
	Log int
	// Wait is how long a transaction waits for other processes before ErrBusy;
	// 0 means 10 s.
	Wait time.Duration
	// Network allows a network file system: the caller answers for it that one
	// process at a time has the store open.
	Network bool
	// First is the generation that CreateFile gives to the new store: that of the one
	// which it takes the place of.
	First uint64
}

const (
	dataName    = "store.db"
	defaultLog  = 4096
	defaultWait = 10 * time.Second
)

func (o Options) checkFilesystem(dir string) error {
	if o.Network {
		return nil
	}
	return checkFilesystem(dir)
}

// file is a Store in a directory.
type file struct {
	path string // of the data file
	o    Options
	*guard

	// The two locks of the guard once more, for the transactions of this Store
	// among each other: Go's own wake up whoever waits, and let a writer in when
	// readers keep coming.
	writing sync.Mutex
	reading sync.RWMutex
	closed  bool                  // changed under both
	broken  atomic.Pointer[error] // the damage that was met: nothing works after that
}

// OpenFile opens the store in dir, which CreateFile made. It changes nothing.
func OpenFile(dir string, o Options) (Store, error) {
	s, err := open(dir, o)
	if err != nil {
		return nil, err
	}
	if err := s.View(func(x Tx) error { return x.(*fileTx).checkAll() }); err != nil {
		return nil, err
	}
	return s, nil
}

// checkAll is what is looked at before a store is used.
func (t *fileTx) checkAll() error {
	if err := t.checkHeads(); err != nil {
		return err
	}
	return t.checkPages()
}

// CreateFile makes a store in dir, and dir if need be: ErrExists. A creation
// that was cut off is taken up where it ended.
func CreateFile(dir string, o Options) (Store, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	if err := o.checkFilesystem(dir); err != nil {
		return nil, err
	}
	if err := makeLock(filepath.Join(dir, lockName)); err != nil {
		return nil, err
	}
	s, err := open(dir, o)
	if err != nil {
		return nil, err
	}
	if err := s.create(); err != nil {
		return nil, err
	}
	return s, nil
}

// open checks the directory and its lock file.
func open(dir string, o Options) (*file, error) {
	dir, err := filepath.Abs(dir) // hosts change their directory
	if err != nil {
		return nil, &FileError{Path: dir, Err: err}
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	if err := o.checkFilesystem(dir); err != nil {
		return nil, err
	}
	if o.Log <= 0 {
		o.Log = defaultLog
	}
	if o.Wait <= 0 {
		o.Wait = defaultWait
	}
	g, err := newGuard(dir, o.Wait)
	if err != nil {
		return nil, err
	}
	return &file{path: filepath.Join(dir, dataName), o: o, guard: g}, nil
}

// Generation reads the word that all processes share. It counts every attempt
// to commit, so it is not the number that Tx.Generation has.
func (s *file) Generation() uint64 { return s.page.generation() }

// Close ends the Store when its transactions have ended.
func (s *file) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.reading.Lock()
	defer s.reading.Unlock()
	s.closed = true
	return nil
}

func (s *file) View(f func(Tx) error) error {
	s.reading.RLock()
	defer s.reading.RUnlock()
	if err := s.usable(); err != nil {
		return err
	}
	h, err := s.read()
	if err != nil {
		return err
	}
	defer h.release()
	return s.transact(&fileTx{store: s, source: openExisting}, f)
}

func (s *file) Update(f func(Tx) error) error {
	return s.asWriter(func() error {
		return s.transact(&fileTx{store: s, source: openExisting, writable: true}, f)
	})
}

// asWriter runs f with all other writers kept out, and no reader.
func (s *file) asWriter(f func() error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	h, err := s.write()
	if err != nil {
		return err
	}
	defer h.release()
	return f()
}

// alone runs f when all readers have left and before new ones come. The caller is
// a writer. While it waits for another process, the readers of this one go on.
func (s *file) alone(f func() error) error {
	h, err := s.drain(hook{s.reading.Lock, s.reading.Unlock})
	if err != nil {
		return err
	}
	defer h.release()
	return f()
}

// usable says why the Store is not.
func (s *file) usable() error {
	if s.closed {
		return ErrClosed
	}
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// transact runs one transaction from opening the file to closing it. A damaged
// page shows as a panic in bbolt, or, where the file was cut off, as a fault:
// both become ErrDamaged. What f itself panics with goes on to the caller.
func (s *file) transact(t *fileTx, f func(Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		own := r != nil && (t.inside || t.inMap(r))
		t.close()
		switch {
		case own:
			err = s.breakdown(t, r)
		case r != nil:
			panic(r)
		}
	}()
	if err := t.begin(); err != nil {
		return err
	}
	if err := f(t); err != nil {
		return err
	}
	if t.damage != nil {
		return t.damage
	}
	if !t.dirty {
		return nil
	}
	return s.commit(t)
}

// breakdown is the error after a panic of bbolt. The Store refuses everything
// from then on.
func (s *file) breakdown(t *fileTx, r any) error {
	err := damaged(s.path, "its pages do not hold together (%T)", r)
	s.broken.Store(&err)
	if t.committing {
		return s.outcome(t, err)
	}
	return err
}

// commit makes a transaction durable. The word counts up before: whoever dies in
// between leaves others to look for a change that is not there, never to miss one.
// And after, for who has looked in the meantime.
func (s *file) commit(t *fileTx) error {
	if err := t.finish(); err != nil {
		return err
	}
	if err := checkRoom(s.path, t.written); err != nil {
		return err
	}
	if err := t.keepRoom(); err != nil {
		return err
	}
	if !s.page.in(settled) {
		if err := t.resync(); err != nil {
			return err
		}
	}
	s.page.mark(committing)
	end := uint32(cutOff)
	defer func() { s.page.mark(end) }()
	t.inside, t.committing = true, true
	err := t.tx.Commit()
	t.inside = false
	if err == nil {
		end = settled
		return nil
	}
	t.close()
	return s.outcome(t, err)
}

// outcome says what came of a commit that failed: bbolt writes the page that
// makes it valid last, so an old state in the file means that nothing changed.
func (s *file) outcome(t *fileTx, cause error) error {
	look := &fileTx{store: s, source: openExisting}
	landed := true
	func() {
		defer func() {
			recover()
			look.close()
		}()
		if look.begin() == nil {
			landed = look.state.generation != t.state.generation-1
		}
	}()
	if landed {
		return &FileError{Path: s.path, Kind: ErrUncertain, Err: cause, Detail: "look whether the change is there before trying again"}
	}
	var known *FileError
	if errors.As(cause, &known) {
		return cause
	}
	return &FileError{Path: s.path, Err: cause, Detail: "nothing was changed"}
}

// roomAhead is more than bbolt adds to a file at once, beyond what is written.
const roomAhead = 32 << 20

// checkRoom refuses to write beyond the limit of a file's size: the system's
// answer to that is a signal that ends the host.
func checkRoom(path string, written int) error {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_FSIZE, &limit) != nil || limit.Cur == unix.RLIM_INFINITY {
		return nil
	}
	info, err := private.Stat(path)
	if err != nil {
		return openError(path, err)
	}
	if uint64(info.Size())+uint64(2*written)+roomAhead > limit.Cur {
		return &FileError{Path: path, Err: unix.EFBIG, Detail: "the limit of file sizes (ulimit -f) leaves no room; nothing was changed"}
	}
	return nil
}
