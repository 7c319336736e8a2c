package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/store"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Report is what Verify has found in a log that is sound.
type Report struct {
	Last     Checkpoint
	Torn     int64    // bytes at the end that were never acknowledged
	Cuts     []Record // log.cut
	Accepted []Record // audit.accept: before them, store and log did not fit
	Open     []Record // that began something, and none says how it ended
	Lost     []Record // use.begin without a use.end: processes that were killed, or run still
}

// Verify reads the whole log in dir: every record hashes into the tree, every
// checkpoint is of the records before it and signed with the key of v, and
// nothing of what since tells was changed, removed or put elsewhere. since are
// checkpoints kept elsewhere, opened with OpenCheckpoint.
// Errors: ErrDamaged, ErrInconsistent, ErrNewer.
func Verify(dir string, v note.Verifier, since ...Checkpoint) (*Report, error) {
	r, past, err := verify(dir, v, since)
	if err != nil {
		return nil, err
	}
	for _, c := range since {
		if past.differs(c) {
			return nil, fmt.Errorf("%w: its first %d records are not those of the checkpoint", ErrInconsistent, c.Size)
		}
	}
	return r, nil
}

// VerifyWith is Verify, and holds the log against what its store remembers, as Settle
// does; but it changes nothing.
func VerifyWith(dir string, v note.Verifier, a Anchor) (*Report, error) {
	remembered := Checkpoint{Size: a.Size, Root: a.Root}
	r, past, err := verify(dir, v, []Checkpoint{remembered})
	switch {
	case err != nil:
		return nil, err
	case r.Last.Generation > a.Generation:
		return nil, mismatch(ErrStoreOlder, "the log tells of generation %d, the store recorded %d last", r.Last.Generation, a.Generation)
	case r.Last.Size < a.Base:
		return nil, mismatch(ErrLogOlder, "%d records, the store knows of %d", r.Last.Size, a.Size)
	case r.Last.Size < a.Size || a.Size == 0:
		return r, nil
	case past.differs(remembered):
		return nil, mismatch(ErrForeign, "its first %d records are others", a.Size)
	}
	return r, nil
}

// roots are those of the tree by its size.
type roots map[int64]tlog.Hash

// differs reports whether a checkpoint is of another tree, or of a longer one.
func (past roots) differs(c Checkpoint) bool {
	root, ok := past[c.Size]
	return !ok || root != c.Root
}

// verify reads the whole log in dir once, and returns the roots of the sizes that since
// names, as far as there are signed records. No log is an empty one.
func verify(dir string, v note.Verifier, since []Checkpoint) (*Report, roots, error) {
	f, err := store.OpenInPlace(filepath.Join(dir, logName), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		root, err := new(edge).root()
		return &Report{}, roots{0: root}, err
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	w := newWalker(f, v.Name(), v)
	r := &Report{}
	past, err := verifyWalk(w, r, since)
	if err != nil {
		return nil, nil, err
	}
	maps.DeleteFunc(past, func(size int64, _ tlog.Hash) bool { return size > w.last.Size })
	size, err := f.Seek(0, io.SeekEnd)
	r.Last, r.Torn = w.last, size-w.offset
	return r, past, err
}

// verifyWalk walks through the log, fills in r, and returns the roots of the sizes
// that since names.
func verifyWalk(w *walker, r *Report, since []Checkpoint) (roots, error) {
	past := roots{}
	note := func() error {
		for _, c := range since {
			if c.Size != w.edge.size {
				continue
			}
			root, err := w.edge.root()
			if err != nil {
				return err
			}
			past[c.Size] = root
		}
		return nil
	}
	var waiting []Record
	generation := uint64(0)
	for err := note(); ; err = note() {
		if err != nil {
			return nil, err
		}
		s, err := w.next()
		if err == io.EOF {
			return past, nil
		}
		if err != nil {
			return nil, err
		}
		if s.record != nil {
			waiting = append(waiting, *s.record)
			continue
		}
		for _, rec := range waiting { // they count now
			if err := r.take(rec, &generation); err != nil {
				return nil, err
			}
		}
		waiting = waiting[:0]
	}
}

// take sorts a record into the report. The generation that records tell of only goes
// back where the SO has accepted that.
func (r *Report) take(rec Record, generation *uint64) error {
	r.Open = stillOpen(r.Open, rec)
	switch rec.Act {
	case LogCut:
		r.Cuts = append(r.Cuts, rec)
	case Accept:
		r.Accepted = append(r.Accepted, rec)
		*generation = 0
	case UseBegin:
		r.Lost = append(r.Lost, rec)
	case UseEnd:
		for i, begun := range r.Lost {
			if begun.PID == rec.PID && begun.Program == rec.Program {
				r.Lost = append(r.Lost[:i], r.Lost[i+1:]...)
				break
			}
		}
	}
	if rec.Generation == 0 {
		return nil
	}
	if rec.Generation < *generation {
		return damaged(rec.Seq, "it is of generation %d, after %d", rec.Generation, *generation)
	}
	*generation = rec.Generation
	return nil
}

// stillOpen are the records that began something and have not ended, after rec.
func stillOpen(open []Record, rec Record) []Record {
	if rec.Begun() {
		return append(open, rec)
	}
	if rec.Of == 0 {
		return open
	}
	return slices.DeleteFunc(open, func(r Record) bool { return r.Seq == rec.Of })
}

// Read yields the records of the log in dir, from record first, as far as there is a
// checkpoint behind them. It checks their form only; Verify checks all. An error ends
// it.
func Read(dir string, first int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		f, err := store.OpenInPlace(filepath.Join(dir, logName), os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Record{}, err)
			return
		}
		defer f.Close()
		yieldBatches(newWalker(f, "", nil).batch, first, yield)
	}
}

// yieldBatches yields the records of next's batches, from record first. Its error ends
// it, io.EOF in silence.
func yieldBatches(next func() ([]Record, error), first int64, yield func(Record, error) bool) {
	for {
		records, err := next()
		if err == io.EOF {
			return
		}
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, r := range records {
			if r.Seq >= first && !yield(r, nil) {
				return
			}
		}
	}
}

// Checkpoint is the last checkpoint of the log, signed; false if the log is empty.
func (l *Log) Checkpoint() (c Checkpoint, ok bool, err error) {
	if !l.exists() {
		return c, false, nil
	}
	h, err := l.acquire(false)
	if err != nil {
		return c, false, err
	}
	defer h.release()
	if err := h.catchUp(); err != nil {
		return c, false, err
	}
	return h.at.Checkpoint, h.at.Size > 0, nil
}

// Name is the log's.
func (l *Log) Name() string { return l.signer.Name() }

// Verifier checks signatures of the log.
func (l *Log) Verifier() note.Verifier { return l.signer.Verifier }

// VerifierKey is the log's public key, in the form of package note.
func (l *Log) VerifierKey() (string, error) {
	public, err := l.signer.key.Public()
	if err != nil {
		return "", err
	}
	return VerifierKey(l.signer.Name(), public)
}
