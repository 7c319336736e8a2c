package audit

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"
)

// rest is what a reading yields until it ends or fails.
func rest(r *Reading) (seqs []int64, err error) {
	for rec, err := range r.Rest() {
		if err != nil {
			return seqs, err
		}
		seqs = append(seqs, rec.Seq)
	}
	return seqs, nil
}

// TestReading: each record is read once, however often somebody looks, and what is behind
// the last checkpoint when there is one behind it.
func TestReading(t *testing.T) {
	w := newTwin(t)
	r := NewReading(w.dir, w.log.Verifier())
	expect := func(want ...int64) {
		t.Helper()
		if got, err := rest(r); err != nil || !slices.Equal(got, want) {
			t.Fatalf("it reads %v, %v; want %v", got, err, want)
		}
	}
	expect() // there is no log yet
	w.must(w.log.Append(Event{Act: Logout}, Event{Act: Logout}))
	expect(0, 1)
	expect()
	w.must(w.act(committed))
	w.must(w.act(committed))
	whole := w.read(logName)
	w.write(logName, whole[:len(whole)-10])
	expect(2)
	w.write(logName, whole)
	expect(3)
	w.must(w.log.Append(Event{Act: Logout}))
	expect(4)
	expect()
}

// TestReadingChanged: what was changed before it was read is damage, and so is another log
// in the place of the one that was read; what was read before counts no more.
func TestReadingChanged(t *testing.T) {
	for _, tt := range []struct {
		name string
		swap func(w *twin)
		want error
	}{
		{"a record read before", func(w *twin) {
			w.write(logName, bytes.Replace(w.read(logName), []byte(`"seq":0`), []byte(`"seq":9`), 1))
		}, nil},
		{"a record to be read", func(w *twin) {
			b := w.read(logName)
			b[bytes.LastIndex(b, []byte(`"act":"`))+len(`"act":"`)] ^= 1
			w.write(logName, b)
		}, ErrDamaged},
		{"shorter", func(w *twin) { w.write(logName, w.read(logName)[:100]) }, ErrDamaged},
		{"another", func(w *twin) {
			other := newTwin(t)
			for range 9 {
				other.must(other.act(committed))
			}
			w.write(logName, other.read(logName))
		}, ErrDamaged},
		{"gone", func(w *twin) { w.must(os.Remove(w.file(logName))) }, os.ErrNotExist},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTwin(t)
			w.must(w.act(committed))
			w.must(w.act(committed))
			r := NewReading(w.dir, w.log.Verifier())
			if got, err := rest(r); err != nil || len(got) != 2 {
				t.Fatalf("%v, %v", got, err)
			}
			w.must(w.act(committed))
			tt.swap(w)
			for range 2 { // it does not go away
				got, err := rest(r)
				if !errors.Is(err, tt.want) || tt.want != nil && len(got) > 0 {
					t.Errorf("%v, %v", got, err)
				}
			}
		})
	}
}

// TestReadingVerifies: no bit of a log can be changed without that being noticed.
func TestReadingVerifies(t *testing.T) {
	w := newTwin(t)
	w.must(w.act(committed))
	w.must(w.act(committed))
	whole := w.read(logName)
	for i := range whole[:len(whole)-1] { // without its last newline it is torn
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		w.write(logName, b)
		if got, err := rest(NewReading(w.dir, w.log.Verifier())); err == nil {
			t.Fatalf("byte %d: %v", i, got)
		}
	}
}
