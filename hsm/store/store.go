// Package store keeps sealed records durably and knows nothing of what is in
// them. FORMAT.md beside it says what is on disk.
package store

import "iter"

// ID names a record.
type ID [16]byte

// Store is a set of records under IDs, and a few named values (Meta). Many
// processes may have the same one open, and two copies of this package in one
// process too.
type Store interface {
	// Generation changes whenever somebody may have committed since: one memory
	// read. A caller that sees a new value looks with View what Changes there are;
	// the truth is Tx.Generation. While somebody commits, each number is a new one,
	// since what he commits may come to be seen at any moment (CommitUnderWay).
	Generation() uint64
	// View runs f on a consistent state. Slices it gets are valid until f returns.
	View(f func(Tx) error) error
	// Snapshot is View for f that takes its time, a backup: it runs f on a copy, and
	// writers wait only while that is made.
	Snapshot(f func(Tx) error) error
	// Update runs f and makes what it did durable, all or nothing: nil means that
	// it is on the disk. Any error, f's included, means that nothing changed,
	// but ErrUncertain, which says that it cannot be told.
	Update(f func(Tx) error) error
	// Close releases the store. A Store is not used after that.
	Close() error
}

// Tx is a transaction. In View, Put, Delete, PutMeta and DeleteMeta fail.
type Tx interface {
	// Generation numbers the committed state that is seen; in Update, the state
	// that the transaction will make: each one counts up by one.
	Generation() uint64
	Get(id ID) (record []byte, ok bool)
	Put(id ID, record []byte) error
	Delete(id ID) error
	All() iter.Seq2[ID, []byte]
	// Len is the number of records.
	Len() int
	Meta(name string) (value []byte, ok bool)
	PutMeta(name string, value []byte) error
	// DeleteMeta removes a named value; one that is not there is no error.
	DeleteMeta(name string) error
	// Metas is all named values, by name. It is not to be gone through while
	// PutMeta or DeleteMeta are called.
	Metas() iter.Seq2[string, []byte]
	// Reserve makes sure that there is room for this transaction and the next, if both
	// change a few small values: NoRoom says whether its error is that there is none.
	Reserve() error
	// Changes lists the records that were put or deleted after generation since,
	// each once, those of this transaction left out. ok is false if the log does
	// not reach back so far, or since is of a state that never was: read All.
	Changes(since uint64) (ids []ID, ok bool)
}
