package audit

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/store"
	"golang.org/x/mod/sumdb/note"
)

// Reading reads the log in a directory, verifies what it reads as Verify does, and reads on
// later from where it came to: a log may take minutes to read, and what has come since a
// moment.
type Reading struct {
	dir        string
	w          *walker
	report     Report // for its rules of what may follow what
	generation uint64
	broken     error // that a record has no right to be where it is: all of it is read
}

// NewReading begins at the start of the log in dir. v checks its checkpoints.
func NewReading(dir string, v note.Verifier) *Reading {
	return &Reading{dir: dir, w: newWalker(nil, v.Name(), v)}
}

// Rest yields the records from where the last call has ended up to the last checkpoint.
// An error ends it, and each call after; ErrDamaged is also the answer where
// another log was put in the place of the one that it has begun to read. Who does not take
// all of them, does not get the rest either.
func (r *Reading) Rest() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if r.broken != nil {
			yield(Record{}, r.broken)
			return
		}
		f, err := store.OpenInPlace(filepath.Join(r.dir, logName), os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) && r.w.offset == 0 {
			return
		}
		if err == nil {
			defer f.Close()
			err = r.begin(f)
		}
		if err != nil {
			yield(Record{}, err)
			return
		}
		yieldBatches(r.batch, 0, yield)
	}
}

// begin goes to where the last call has ended.
func (r *Reading) begin(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < r.w.offset {
		return damaged(r.w.last.Size, "the log has become shorter")
	}
	return r.w.rewind(f)
}

// batch reads up to the next checkpoint.
func (r *Reading) batch() ([]Record, error) {
	records, err := r.w.batch()
	if err != nil {
		return nil, err
	}
	for _, rec := range records {
		if r.broken = r.report.take(rec, &r.generation); r.broken != nil {
			return nil, r.broken
		}
	}
	return records, nil
}
