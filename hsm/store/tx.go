package store

import (
	"bytes"
	"encoding/binary"
	"iter"
	"maps"
	"os"
	"slices"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// The buckets of the database and the key of its state (FORMAT.md).
var (
	bucketStore   = []byte("coffer-store")
	bucketRecords = []byte("records")
	bucketMeta    = []byte("meta")
	bucketLog     = []byte("log")
	keyState      = []byte("state")
)

// formatVersion is what this package writes, and the newest that it reads.
const formatVersion = 1

// state is the value under keyState.
type state struct {
	generation uint64 // of the last commit
	count      uint64 // of records
}

const stateSize = 20

func (s state) encode() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, stateSize), formatVersion)
	b = binary.BigEndian.AppendUint64(b, s.generation)
	return binary.BigEndian.AppendUint64(b, s.count)
}

// decodeState reads a state: ErrNewer, ErrDamaged.
func decodeState(path string, b []byte) (s state, err error) {
	if len(b) < 4 {
		return s, damaged(path, "a database, but not a store of this program")
	}
	if v := binary.BigEndian.Uint32(b); v > formatVersion {
		return s, &FileError{Path: path, Kind: ErrNewer, Detail: "upgrade this program"}
	} else if v != formatVersion || len(b) != stateSize {
		return s, damaged(path, "the state record is broken")
	}
	s.generation = binary.BigEndian.Uint64(b[4:])
	s.count = binary.BigEndian.Uint64(b[12:])
	return s, nil
}

// fileTx is one transaction, with the database that is open for it alone.
type fileTx struct {
	store    *file
	source   func(path string, flag int) (*os.File, error) // opens the data file
	writable bool

	f                  *os.File
	db                 *bbolt.DB
	tx                 *bbolt.Tx
	records, meta, log *bbolt.Bucket

	state   state
	changed map[ID]bool
	dirty   bool
	grows   bool // by records that are new or longer
	written int  // bytes put, for the limit of the file's size
	damage  error

	inside     bool // bbolt is running: a panic is its own
	committing bool // Commit has been called
}

// begin opens the database and starts the transaction.
func (t *fileTx) begin() (err error) {
	open := t.openDB
	if t.writable {
		open = t.openToWrite
	}
	t.inside = true
	if err := open(); err != nil {
		t.inside = false
		return err
	}
	if t.tx, err = t.db.Begin(t.writable); err == nil {
		err = t.load()
	}
	t.inside = false
	return err
}

// load finds the buckets and the state, and sees that the file has all its pages.
func (t *fileTx) load() error {
	path := t.store.path
	top := t.tx.Bucket(bucketStore)
	t.records, t.meta, t.log = t.tx.Bucket(bucketRecords), t.tx.Bucket(bucketMeta), t.tx.Bucket(bucketLog)
	if top == nil || t.records == nil || t.meta == nil || t.log == nil {
		return damaged(path, "a database, but not a store of this program")
	}
	if info, err := t.f.Stat(); err != nil {
		return &FileError{Path: path, Err: err}
	} else if info.Size() < t.tx.Size() {
		return damaged(path, "%d bytes of %d are left", info.Size(), t.tx.Size())
	}
	var err error
	if t.state, err = decodeState(path, top.Get(keyState)); err != nil {
		return err
	}
	if most := uint64(t.tx.Size()) / leastRecord; t.state.count > most { // callers make room for as many
		return damaged(path, "it says that it has %d records, of which there is room for %d", t.state.count, most)
	}
	if t.writable {
		t.state.generation++
	}
	return nil
}

// leastRecord is less than what any record takes up in the file: its ID, and where that is.
const leastRecord = elementSize + 16

// close ends the transaction, undone if it was not committed, and gives the
// database's own lock back (openDB says why here). After a panic inside bbolt its
// locks may be held for ever, so only the file is closed and the mapping is left.
func (t *fileTx) close() {
	if t.f == nil {
		return
	}
	unix.Flock(int(t.f.Fd()), unix.LOCK_UN)
	if t.inside || t.db == nil {
		t.f.Close()
	} else {
		if t.tx != nil {
			t.tx.Rollback() // after a commit an error, and no matter
		}
		t.db.Close()
	}
	t.f, t.inside = nil, false
}

// finish writes the log entry and the state of a transaction with changes.
func (t *fileTx) finish() error {
	t.inside = true
	err := t.writeLog()
	if err == nil {
		err = t.tx.Bucket(bucketStore).Put(keyState, t.state.encode())
	}
	t.inside = false
	if err != nil {
		return asFileError(t.store.path, err)
	}
	return nil
}

// Generation is in package Store's Tx.
func (t *fileTx) Generation() uint64 { return t.state.generation }

func (t *fileTx) Len() int { return int(t.state.count) }

func (t *fileTx) Get(id ID) ([]byte, bool) { return t.find(t.records, id[:]) }

func (t *fileTx) Meta(name string) ([]byte, bool) { return t.find(t.meta, []byte(name)) }

// find looks up a key, also one without a value.
func (t *fileTx) find(b *bbolt.Bucket, key []byte) ([]byte, bool) {
	t.inside = true
	k, v := b.Cursor().Seek(key)
	t.mustBeWhole(k)
	t.mustBeWhole(v)
	ok := k != nil && bytes.Equal(k, key)
	t.inside = false
	if !ok {
		return nil, false
	}
	return v, true
}

func (t *fileTx) Put(id ID, record []byte) error {
	if err := checkChange(t.writable, record); err != nil {
		return err
	}
	old, exists := t.Get(id)
	if !exists {
		t.state.count++
	}
	t.grows = t.grows || !exists || len(record) > len(old)
	t.note(id)
	return t.put(t.records, id[:], record)
}

func (t *fileTx) PutMeta(name string, value []byte) error {
	if err := checkMeta(t.writable, name, value); err != nil {
		return err
	}
	return t.put(t.meta, []byte(name), value)
}

// put writes a copy: bbolt keeps what it is given until the commit.
func (t *fileTx) put(b *bbolt.Bucket, key, value []byte) error {
	t.dirty = true
	t.written += len(key) + len(value)
	t.inside = true
	err := b.Put(key, bytes.Clone(value))
	t.inside = false
	if err != nil {
		return asFileError(t.store.path, err)
	}
	return nil
}

func (t *fileTx) Delete(id ID) error {
	if err := checkChange(t.writable, nil); err != nil {
		return err
	}
	if _, exists := t.Get(id); !exists {
		return nil
	}
	t.state.count--
	t.note(id)
	return t.remove(t.records, id[:])
}

func (t *fileTx) DeleteMeta(name string) error {
	if err := checkMeta(t.writable, name, nil); err != nil {
		return err
	}
	if _, exists := t.Meta(name); !exists {
		return nil
	}
	return t.remove(t.meta, []byte(name))
}

// remove deletes a key that is there.
func (t *fileTx) remove(b *bbolt.Bucket, key []byte) error {
	t.dirty = true
	t.inside = true
	err := b.Delete(key)
	t.inside = false
	if err != nil {
		return asFileError(t.store.path, err)
	}
	return nil
}

func (t *fileTx) note(id ID) {
	if t.changed == nil {
		t.changed = map[ID]bool{}
	}
	t.changed[id] = true
}

func (t *fileTx) All() iter.Seq2[ID, []byte] {
	return func(yield func(ID, []byte) bool) {
		for k, v := range t.walk(t.records) {
			if len(k) != len(ID{}) {
				t.damage = damaged(t.store.path, "a record has a name of %d bytes", len(k))
				return
			}
			if !yield(ID(k), v) {
				return
			}
		}
	}
}

func (t *fileTx) Metas() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for k, v := range t.walk(t.meta) {
			if !yield(string(k), v) {
				return
			}
		}
	}
}

// walk goes through a bucket in order.
func (t *fileTx) walk(b *bbolt.Bucket) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		t.inside = true
		c := b.Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			t.mustBeWhole(k)
			t.mustBeWhole(v)
			t.inside = false
			if !yield(k, v) {
				return
			}
			t.inside = true
		}
		t.inside = false
	}
}

// sortedChanges lists the records that this transaction changed.
func (t *fileTx) sortedChanges() []ID {
	return slices.SortedFunc(maps.Keys(t.changed), func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
}
