package audit

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/store"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The files of a log (FORMAT.md).
const (
	logName    = "log"
	hashesName = "hashes"
	lockName   = "lock"
	tornName   = "torn"
)

// Log is a log that this process may append to, as others may at the same time.
type Log struct {
	dir    string
	signer signer
	view   func() (Anchor, error) // nil: there is no store to settle with

	mu    sync.Mutex
	seen  bool // whether at is known
	at    end
	cut   int64 // bytes that were torn, and are not recorded yet
	named bool  // whether the names of the files are durable

	uses uses
}

// end is where a log ends.
type end struct {
	Checkpoint
	edge   edge
	offset int64 // in bytes
}

// Open opens the log in dir, which need not exist: it is made when something is
// recorded. name is the log's, key signs; both are for good.
func Open(dir, name string, key Key) (*Log, error) {
	dir, err := filepath.Abs(dir) // hosts change their directory
	if err != nil {
		return nil, err
	}
	if err := store.CheckInPlace(dir); err != nil {
		return nil, err
	}
	s, err := newSigner(name, key)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	l := &Log{dir: dir, signer: s}
	l.at.Name = name
	l.uses.log = l
	return l, nil
}

// Dir is the directory of the log.
func (l *Log) Dir() string { return l.dir }

// hold is the log while its lock is held.
type hold struct {
	*Log
	lock        *store.FileLock
	log, hashes *os.File
	size        int64 // of the file
}

// exists reports whether there is a log.
func (l *Log) exists() bool {
	_, err := private.Lstat(filepath.Join(l.dir, lockName))
	return err == nil
}

// acquire locks the log, and makes it if need be; inside is for transactions of the
// store. What others have appended is for
// catchUp to read.
func (l *Log) acquire(inside bool) (*hold, error) {
	l.mu.Lock()
	h := &hold{Log: l}
	err := h.open(inside)
	if err != nil {
		h.release()
		return nil, err
	}
	return h, nil
}

func (h *hold) open(inside bool) error {
	path := filepath.Join(h.dir, lockName)
	if _, err := private.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := h.create(path); err != nil {
			return err
		}
	}
	var err error
	if h.lock, err = store.LockFile(path, inside); err != nil {
		return err
	}
	if h.log, err = h.private(logName); err != nil {
		return err
	}
	h.hashes, err = h.private(hashesName)
	return err
}

func (h *hold) create(path string) error {
	if err := private.Mkdir(h.dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	h.named = false
	f, err := store.OpenPrivate(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	return f.Close()
}

func (h *hold) private(name string) (*os.File, error) {
	path := filepath.Join(h.dir, name)
	f, err := store.OpenPrivate(path, os.O_RDWR)
	if errors.Is(err, store.ErrMissing) {
		return store.OpenPrivate(path, os.O_RDWR|os.O_CREATE)
	}
	return f, err
}

// release gives everything back.
func (h *hold) release() {
	for _, f := range []*os.File{h.log, h.hashes} {
		if f != nil {
			f.Close()
		}
	}
	if h.lock != nil {
		h.lock.Release()
	}
	h.mu.Unlock()
}

// catchUp brings h.at to the end of the log.
func (h *hold) catchUp() error {
	info, err := h.log.Stat()
	if err != nil {
		return err
	}
	h.size = info.Size()
	if h.seen && h.size == h.at.offset {
		return nil
	}
	now, err := h.findEnd()
	if err != nil {
		return err
	}
	if h.seen {
		if err := h.continues(now); err != nil {
			if !h.begunAnew(io.NewSectionReader(h.log, 0, now.offset), now.Root) {
				return err
			}
			h.named = false
		}
	}
	h.at, h.seen = now, true
	return nil
}

// findEnd reads the end of the log and the edge of its tree.
func (h *hold) findEnd() (end, error) {
	now := end{Checkpoint: Checkpoint{Name: h.signer.Name()}}
	b, offset, err := lastCheckpoint(h.log, h.size)
	if err != nil || b == nil {
		return now, err
	}
	c, err := parseCheckpoint(b, h.signer)
	var unknown *note.UnverifiedNoteError
	if errors.As(err, &unknown) {
		return now, mismatch(ErrForeign, "it is signed with another key")
	}
	if err != nil {
		return now, fmt.Errorf("%w: the last checkpoint: %v", ErrDamaged, err)
	}
	now.Checkpoint, now.offset = c, offset
	if e, ok := h.storedEdge(c); ok {
		now.edge = e
		return now, nil
	}
	now.edge, err = h.rebuild(offset)
	return now, err
}

// rebuild makes the file of hashes anew from the log, up to offset.
func (h *hold) rebuild(offset int64) (edge, error) {
	w := newWalker(io.NewSectionReader(h.log, 0, offset), h.signer.Name(), nil)
	var stored []byte
	written := int64(0)
	flush := func() error {
		_, err := h.hashes.WriteAt(stored, written)
		written += int64(len(stored))
		stored = stored[:0]
		return err
	}
	for {
		s, err := w.next()
		if err == io.EOF {
			return w.edge, flush()
		}
		if err != nil {
			return edge{}, err
		}
		for _, hash := range s.hashes {
			stored = append(stored, hash[:]...)
		}
		if len(stored) > 1<<16 {
			if err := flush(); err != nil {
				return edge{}, err
			}
		}
	}
}

// continues refuses an end that is not that of the log which this process has seen.
func (h *hold) continues(now end) error {
	if now.Size < h.at.Size {
		return mismatch(ErrLogOlder, "%d records, there were %d", now.Size, h.at.Size)
	}
	return h.has(now, h.at.Size, h.at.Root)
}

// begunAnew reports whether log, which has this root, was begun since this process has seen
// another in its place, by the SO's having accepted that something is wrong with that: its
// first record says so, of a generation that the other cannot tell of. One without records
// was not.
func (h *hold) begunAnew(log io.Reader, root tlog.Hash) bool {
	w := newWalker(log, h.signer.Name(), nil)
	first, err := w.batch()
	if err != nil || len(first) == 0 || first[0].Act != Accept || first[0].Generation <= h.at.Generation {
		return false
	}
	for err == nil {
		_, err = w.batch()
	}
	return err == io.EOF && w.last.Root == root // which is signed
}

// has refuses a log whose first size records do not have this root.
func (h *hold) has(now end, size int64, root tlog.Hash) error {
	got, err := tlog.TreeHash(size, hashFile{h.hashes})
	if now.Size == size {
		got, err = now.Root, nil
	} else if err != nil || got != root { // it may be the file of hashes that is wrong
		if _, err := h.rebuild(now.offset); err != nil {
			return err
		}
		got, err = tlog.TreeHash(size, hashFile{h.hashes})
	}
	if size > 0 && (err != nil || got != root) {
		return mismatch(ErrForeign, "its first %d records are others", size)
	}
	return nil
}

// mark says that a generation is being committed; the zero mark that none is. The
// second half is random: no two are the same.
type mark [16]byte

func newMark(generation uint64) (m mark) {
	binary.BigEndian.PutUint64(m[:], generation)
	rand.Read(m[8:])
	return m
}

func (h *hold) setMark(m mark) error {
	if h.marked() == m {
		return nil
	}
	_, err := h.lock.File().WriteAt(m[:], 0)
	return err
}

// marked reads the mark; where there is none yet it is the zero mark.
func (h *hold) marked() (m mark) {
	if _, err := h.lock.File().ReadAt(m[:], 0); err != nil {
		return mark{}
	}
	return m
}

// sync makes the log durable; its name too, once for each process.
func (h *hold) sync() error {
	if err := h.log.Sync(); err != nil || h.named {
		return err
	}
	if err := store.SyncDir(h.dir); err != nil {
		return err
	}
	if err := store.SyncDir(filepath.Dir(h.dir)); err != nil {
		return err
	}
	h.named = true
	return nil
}
