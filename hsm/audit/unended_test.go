package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// conduct appends batches to a log as the home does: "b" begins an act, "n" is a note, "e"
// ends the open act before it, "B" are two that begin in one batch, "E" ends all.
func conduct(w *twin, script string) (open []int64) {
	w.t.Helper()
	for _, c := range script {
		begin := Event{Act: PartitionCreate, Result: ck.CKR_PENDING}
		next := int64(0)
		if at, any, err := w.log.Checkpoint(); err != nil {
			w.t.Fatal(err)
		} else if any {
			next = at.Size
		}
		switch c {
		case 'n':
			w.must(w.log.Append(Event{Act: SealLock}))
		case 'b':
			w.must(w.log.Append(begin))
			open = append(open, next)
		case 'B':
			w.must(w.log.Append(begin, begin))
			open = append(open, next, next+1)
		case 'e':
			w.must(w.log.Append(Event{Act: PartitionCreate, Of: open[len(open)-1]}))
			open = open[:len(open)-1]
		case 'E':
			var ends []Event
			for _, of := range open {
				ends = append(ends, Event{Act: PartitionCreate, Of: of})
			}
			w.must(w.log.Append(ends...))
			open = nil
		}
	}
	return open
}

func unended(w *twin) (seqs []int64, err error) {
	w.reopen()
	open, err := w.log.Unended()
	for _, r := range open {
		seqs = append(seqs, r.Seq)
	}
	return seqs, err
}

// TestUnended: what is open is told of the end of a log, however the acts before went.
func TestUnended(t *testing.T) {
	for _, script := range []string{
		"", "n", "nb", "nbe", "nbbb", "nbbbE", "nbbbEn", "nB", "nBb", "nBE", "nbeb", "nbebebeb", "nbbEnbb", "nnnn", "nbenbe",
	} {
		w := newTwin(t)
		want := conduct(w, script)
		if got, err := unended(w); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", script, got, err, want)
		}
		if script == "" {
			continue
		}
		w.write(hashesName, []byte("of no use"))
		if got, err := unended(w); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, without hashes: %v, %v, want %v", script, got, err, want)
		}
		f, err := os.OpenFile(w.file(logName), os.O_WRONLY|os.O_APPEND, 0)
		w.must(err)
		_, err = f.WriteString(`{"v":1,"seq":`)
		w.must(errors.Join(err, f.Close()))
		if got, err := unended(w); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, torn: %v, %v, want %v", script, got, err, want)
		}
	}
}

// TestUnendedReadsTheEnd: the end is checked, every byte of it, and nothing else is read.
// Where the last line is no checkpoint any more, its records were never acknowledged.
func TestUnendedReadsTheEnd(t *testing.T) {
	w := newTwin(t)
	conduct(w, strings.Repeat("be", 50)+"n")
	end := len(w.read(logName))
	conduct(w, "b")
	sound := w.read(logName)
	last := bytes.LastIndex(sound, []byte(checkpointPrefix))
	before := bytes.LastIndex(sound[:end-1], []byte("\n"+checkpointPrefix))
	before = bytes.LastIndex(sound[:before], []byte("\n"+checkpointPrefix)) + 1
	for at := range sound {
		if at%41 != 0 && at < before {
			continue
		}
		w.write(logName, slices.Concat(sound[:at], []byte{sound[at] ^ 2}, sound[at+1:]))
		open, err := unended(w)
		if err == nil && len(open) == 0 && (at == len(sound)-1 || at >= last-1 && at < last+len(checkpointPrefix)) {
			continue
		}
		if inEnd := at >= before; inEnd && err == nil {
			t.Fatalf("byte %d of %d is another one: nobody has seen it", at, len(sound))
		} else if !inEnd && err != nil {
			t.Fatalf("byte %d of %d, the end begins at %d: %v", at, len(sound), before, err)
		}
	}
}

// TestUnendedOfAnother: a log that is signed by another is refused.
func TestUnendedOfAnother(t *testing.T) {
	w := newTwin(t)
	conduct(w, "nb")
	l, err := Open(w.dir, testName, testKey(2))
	w.must(err)
	if open, err := l.Unended(); !errors.Is(err, ErrForeign) {
		t.Errorf("%v, %v", open, err)
	}
}

// BenchmarkUnended costs the same whatever the log has.
func BenchmarkUnended(b *testing.B) {
	for _, records := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			w := newTwin(b)
			w.must(w.log.Append(slices.Repeat([]Event{{Act: SealLock}}, records-1)...))
			conduct(w, "n")
			for b.Loop() {
				if _, err := unended(w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
