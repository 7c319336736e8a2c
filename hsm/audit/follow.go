package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// followEvery is how often Follow looks whether the log has grown.
const followEvery = 250 * time.Millisecond

// Follow is Read, and goes on with the records that are appended until ctx is done.
// It waits for a log that does not exist yet. ErrForeign ends it where another log
// was put in the place of the one it reads, ErrDamaged where that became shorter.
func Follow(ctx context.Context, dir string, first int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		f, err := waitForLog(ctx, filepath.Join(dir, logName))
		if err != nil {
			if ctx.Err() == nil {
				yield(Record{}, err)
			}
			return
		}
		defer f.Close()
		follow := follower{f: f, w: newWalker(f, "", nil), failed: -1}
		next := func() ([]Record, error) {
			records, err := follow.batch(ctx)
			if ctx.Err() != nil {
				return nil, io.EOF
			}
			return records, err
		}
		yieldBatches(next, first, yield)
	}
}

// waitForLog opens a log as soon as it is there.
func waitForLog(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := store.OpenInPlace(path, os.O_RDONLY)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(followEvery):
		return nil
	}
}

// follower reads a log without its lock, while others append to it.
type follower struct {
	f      *os.File
	w      *walker
	failed int64 // the offset behind which the last try found damage; -1: none
}

// batch waits for the records up to the next checkpoint.
func (f *follower) batch(ctx context.Context) ([]Record, error) {
	for {
		records, err := f.w.batch()
		if err == nil {
			return records, nil
		}
		// An append may be under way, or a torn end be cut off, so that what was read
		// is half of the one and half of the other: damage is what stays.
		if err != io.EOF {
			if f.failed == f.w.offset {
				return nil, err
			}
			f.failed = f.w.offset
		}
		if err := f.grown(ctx); err != nil {
			return nil, err
		}
		if err := f.w.rewind(f.f); err != nil {
			return nil, err
		}
	}
}

// grown waits until there is something behind the last checkpoint.
func (f *follower) grown(ctx context.Context) error {
	for {
		if err := pause(ctx); err != nil {
			return err
		}
		size, err := f.size()
		if err != nil {
			return err
		}
		if size > f.w.offset {
			return nil
		}
	}
}

// size is that of the log, which is still the one that was opened.
func (f *follower) size() (int64, error) {
	mine, err := f.f.Stat()
	if err != nil {
		return 0, err
	}
	now, err := private.Stat(f.f.Name())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(mine, now) {
		return 0, fmt.Errorf("%w: another was put in its place", ErrForeign)
	}
	if err != nil {
		return 0, err
	}
	if now.Size() < f.w.offset {
		return 0, damaged(f.w.last.Size, "the log has become shorter")
	}
	return now.Size(), nil
}
