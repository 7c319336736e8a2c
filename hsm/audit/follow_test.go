package audit

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// followed is what a Follow in a goroutine has yielded.
type followed struct {
	t       *testing.T
	records chan Record
	end     chan error
}

func follow(t *testing.T, dir string, first int64) *followed {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(stop)
	f := &followed{t, make(chan Record), make(chan error, 1)}
	go func() {
		defer close(f.end)
		for r, err := range Follow(ctx, dir, first) {
			if err != nil {
				f.end <- err
				return
			}
			select {
			case f.records <- r:
			case <-ctx.Done():
			}
		}
	}()
	return f
}

func (f *followed) expect(seqs ...int64) {
	f.t.Helper()
	for _, seq := range seqs {
		select {
		case r := <-f.records:
			if r.Seq != seq {
				f.t.Fatalf("record %d, not %d", r.Seq, seq)
			}
		case err := <-f.end:
			f.t.Fatalf("ended before record %d: %v", seq, err)
		}
	}
}

// TestFollow: a log is followed from before its first record, over a torn end that is
// cut off, and each record comes once.
func TestFollow(t *testing.T) {
	w := newTwin(t)
	f := follow(t, w.dir, 1)
	w.must(w.act(committed))
	w.must(w.act(committed))
	f.expect(1)
	w.must(w.act(committed))
	f.expect(2)

	w.write(logName, append(w.read(logName), `{"v":1,"seq":3,"torn`...))
	time.Sleep(2 * followEvery) // it is read
	w.reopen()
	w.must(w.act(committed))
	f.expect(3, 4) // log.cut and the act
	if got := len(w.verify()); got != 5 {
		t.Errorf("%d records", got)
	}
}

// TestFollowEnds: a log that is not the same any more ends it.
func TestFollowEnds(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*twin)
		want  error
	}{
		{"replaced", func(w *twin) {
			w.must(os.Rename(w.file(logName), w.file("aside")))
			w.write(logName, w.read("aside"))
		}, ErrForeign},
		{"removed", func(w *twin) { w.must(os.Remove(w.file(logName))) }, ErrForeign},
		{"cut", func(w *twin) { w.must(os.Truncate(w.file(logName), 10)) }, ErrDamaged},
		{"damaged", func(w *twin) { w.write(logName, append(w.read(logName), "nonsense\n"...)) }, ErrDamaged},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newTwin(t)
			w.must(w.act(committed))
			f := follow(t, w.dir, 0)
			f.expect(0)
			test.spoil(w)
			if err := <-f.end; !errors.Is(err, test.want) {
				t.Errorf("ended with %v, not %v", err, test.want)
			}
		})
	}
}

// TestFollowStops when its context does, also while there is no log.
func TestFollowStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, stop)
	for r, err := range Follow(ctx, t.TempDir(), 0) {
		t.Errorf("record %v, %v", r, err)
	}
}
