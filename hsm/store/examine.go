package store

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/private"
	"golang.org/x/sys/unix"
)

// Problem is something that Examine has found.
type Problem struct {
	Err error // a *FileError: the file, and what is wrong with it
	// Rebuilds: all that is stored can be read, and Rebuild makes the store whole.
	Rebuilds bool
	// MayLose: what can be read may lack the last change that was acknowledged.
	MayLose bool
	// Leftover: nothing needs the file, and nothing is wrong otherwise.
	Leftover bool
}

// Examine looks at all of the store in dir, without changing anything, and tells what
// is wrong with it: the directory and the files, their modes and owners, the
// structure of all pages (by bbolt's own check as well), the heads, the log and the
// number of records. If what is stored can be read, f is called with it, once; its
// error is a problem too. Writers wait meanwhile; readers do not.
func Examine(dir string, o Options, f func(Tx) error) []Problem {
	x := &examination{}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = checkDir(dir)
	}
	if err == nil {
		err = o.checkFilesystem(dir)
	}
	if err != nil {
		return append(x.problems, Problem{Err: err})
	}
	if o.Wait <= 0 {
		o.Wait = defaultWait
	}
	s := &file{path: filepath.Join(dir, dataName), o: o, guard: &guard{dir: dir, path: filepath.Join(dir, lockName), wait: o.Wait}}
	x.leftover(s.path + newSuffix)
	if h := x.lock(s.guard); h != nil {
		defer h.release()
	}
	x.note(s.transact(&fileTx{store: s, source: openExisting}, func(tx Tx) error {
		return x.database(tx.(*fileTx), f)
	}))
	return x.problems
}

type examination struct{ problems []Problem }

func (x *examination) note(err error) {
	if err != nil {
		x.problems = append(x.problems, Problem{Err: err})
	}
}

func (x *examination) leftover(path string) {
	if _, err := private.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		x.problems = append(x.problems, Problem{Leftover: true,
			Err: &FileError{Path: path, Detail: "left over from a creation or compaction that was cut off, or is under way"}})
	}
}

// lock takes the lock of readers and looks at its file. Without it, what is read may
// be in the middle of a change; bbolt's own lock is left then.
func (x *examination) lock(g *guard) *held {
	h, err := lock(g.openLock, unix.LOCK_SH, g.wait, currentHook())
	if err != nil {
		x.note(err)
		return nil
	}
	info, err := h.f.Stat()
	switch {
	case err != nil:
		x.note(&FileError{Path: g.path, Err: err})
	case info.Size() > 0: // an empty one is filled in by who opens the store
		x.note(g.checkHead(h.f, info.Size()))
	}
	return h
}

func (x *examination) database(t *fileTx, f func(Tx) error) error {
	if err := t.checkHeads(); err != nil {
		x.problems = append(x.problems, Problem{Err: err, Rebuilds: true, MayLose: true})
	}
	w := t.walked()
	switch {
	case w.problem == "":
		x.bolt(t)
	case w.listOnly:
		x.problems = append(x.problems, Problem{Err: damaged(t.store.path, "%s", w.problem), Rebuilds: true})
	default:
		return t.checkPages()
	}
	x.note(t.checkContent())
	return f(t)
}

// bolt is bbolt's own check. It does it in a goroutine, where a fault in the file
// would end the program, so it comes after our own.
func (x *examination) bolt(t *fileTx) {
	first := true
	for err := range t.tx.Check() {
		if first {
			x.problems = append(x.problems, Problem{Err: damaged(t.store.path, "bbolt: %v", err), Rebuilds: true})
		}
		first = false
	}
}

// checkContent holds names, log and count against FORMAT.md.
func (t *fileTx) checkContent() error {
	n := uint64(0)
	for range t.All() {
		n++
	}
	if t.damage != nil {
		return t.damage
	}
	if n != t.state.count {
		return damaged(t.store.path, "there are %d records of %d", n, t.state.count)
	}
	first := uint64(0)
	for k := range t.walk(t.log) {
		if len(k) == 8 {
			first = binary.BigEndian.Uint64(k)
		}
		break
	}
	if first == 0 { // there was no change yet
		return nil
	}
	if _, ok := t.Changes(first - 1); !ok {
		return damaged(t.store.path, "the log of changes has a gap")
	}
	return nil
}

// Rebuild makes a store whole whose problems all say Rebuilds: what is stored is
// written to a new file, and the old one is kept under the name aside, which must be on
// the same file system. Programs that use the store go on.
func Rebuild(dir string, o Options, aside string) error {
	s, err := open(dir, o)
	if err != nil {
		return err
	}
	return s.asWriter(func() error {
		_, _, err := s.exchange(readable, func() error {
			if err := private.Link(s.path, aside); err != nil {
				return openError(aside, err)
			}
			return syncDir(filepath.Dir(aside))
		})
		return err
	})
}

// readable fails if not all that is stored can be read.
func readable(t *fileTx) error {
	if w := t.walked(); w.problem != "" && !w.listOnly {
		return t.checkPages()
	}
	return nil
}
