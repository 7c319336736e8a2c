package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// TestFates: whatever becomes of an act, the log tells of it if and only if it was
// committed, once, and can be appended to.
func TestFates(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  fate
		told bool
	}{
		{"committed", committed, true},
		{"refused", refused, false},
		{"killed before the commit", killedBefore, false},
		{"killed after the commit", killedAfter, true},
		{"uncertain", uncertain, true},
	} {
		for _, before := range []int{0, 1, 40} { // 40 acts are more than a tail
			for _, next := range []string{"act", "note", "open"} {
				t.Run(fmt.Sprintf("%s, after %d, then %s", tt.name, before, next), func(t *testing.T) {
					w := newTwin(t)
					for range before {
						w.must(w.act(committed))
					}
					w.must(w.act(tt.end, Event{Act: Destroy, Who: "so"}))
					want := before
					if tt.told {
						want++
					}
					switch next {
					case "act":
						w.must(w.act(committed))
						want++
					case "note":
						w.must(w.log.Note(Event{Act: Logout}))
						want++
					case "open":
						w.reopen()
						w.must(w.log.Settle())
					}
					records := w.verify()
					if len(records) != want {
						t.Fatalf("%d records, not %d", len(records), want)
					}
					if tt.told && records[before].Act != Destroy {
						t.Fatalf("record %d is %q", before, records[before].Act)
					}
				})
			}
		}
	}
}

// TestTorn cuts the log at every byte of its last batch, as a kill in the middle of
// the write does: the store has the batch, and the log comes back whole. The same
// with a batch that the store does not know: it was not acknowledged, and the log
// says that it was cut.
func TestTorn(t *testing.T) {
	for _, known := range []bool{true, false} {
		w := newTwin(t)
		w.must(w.act(committed))
		w.must(w.act(committed))
		start := len(w.read(logName))
		if known {
			w.must(w.act(committed))
		} else {
			w.must(w.log.Append(Event{Act: Logout}))
		}
		whole := w.read(logName)
		for n := start; n < len(whole); n += 7 {
			w.write(logName, whole[:n])
			w.reopen()
			w.must(w.log.Settle())
			w.must(w.log.Append(Event{Act: Wrap}))
			records := w.verify()
			last := records[len(records)-1]
			switch {
			case known && !bytes.HasPrefix(w.read(logName), whole):
				t.Fatalf("cut at %d: the batch was not appended again as it was", n)
			case last.Act != Wrap:
				t.Fatalf("cut at %d: the last record is %q", n, last.Act)
			case !known && n > start && records[len(records)-2].Act != LogCut:
				t.Fatalf("cut at %d: nothing tells that the end was torn", n)
			}
			os.Remove(w.file(hashesName))
		}
	}
}

// TestPowerLoss spoils what was not synced, as a machine does that loses power: the
// store brings it back, byte by byte.
func TestPowerLoss(t *testing.T) {
	for _, spoil := range []func(unsynced []byte) []byte{
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { return make([]byte, len(b)) },
		func(b []byte) []byte { clear(b[:len(b)/2]); return b },
		func(b []byte) []byte { clear(b[len(b)/2:]); return b },
		func(b []byte) []byte { return append(bytes.Repeat([]byte{'x'}, len(b)-1), '\n') },
	} {
		for _, acts := range []int{1, 5, 30} {
			w := newTwin(t)
			for range acts {
				w.must(w.act(committed))
			}
			whole := w.read(logName)
			synced := len(whole) - len(w.anchor.Tail)
			w.write(logName, append(bytes.Clone(whole[:synced]), spoil(bytes.Clone(whole[synced:]))...))
			w.write(hashesName, []byte("spoilt"))
			w.reopen()
			w.must(w.log.Settle())
			w.must(w.act(committed))
			if got := w.verify(); len(got) < acts+1 {
				t.Fatalf("%d acts: %d records", acts, len(got))
			}
			if !bytes.HasPrefix(w.read(logName), whole) {
				t.Fatalf("%d acts: the log did not come back as it was", acts)
			}
		}
	}
}

// TestPutBack: an older store, an older log, no log, another log; each by its name,
// at opening and at the next act, until it is accepted.
func TestPutBack(t *testing.T) {
	type snapshot struct {
		anchor     Anchor
		generation uint64
		log        []byte
	}
	for _, tt := range []struct {
		name string
		swap func(w *twin, old snapshot)
		want error
	}{
		{"older store", func(w *twin, old snapshot) { w.anchor, w.generation = old.anchor, old.generation }, ErrStoreOlder},
		{"store without memory", func(w *twin, old snapshot) { w.anchor = Anchor{} }, ErrForeign},
		{"older log", func(w *twin, old snapshot) { w.write(logName, old.log) }, ErrLogOlder},
		{"no log", func(w *twin, _ snapshot) { w.must(os.RemoveAll(w.dir)) }, ErrLogOlder},
		{"another log", func(w *twin, _ snapshot) {
			other := newTwin(w.t)
			for range 100 {
				w.must(other.log.Append(Event{Act: Logout}))
			}
			w.write(logName, other.read(logName))
		}, ErrForeign},
		{"a bit flipped", func(w *twin, _ snapshot) {
			b := w.read(logName)
			b[100] ^= 1
			w.write(logName, b)
			os.Remove(w.file(hashesName))
		}, ErrDamaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTwin(t)
			w.must(w.act(committed))
			old := snapshot{w.anchor, w.generation, w.read(logName)}
			for range 40 {
				w.must(w.act(committed))
			}
			tt.swap(w, old)
			if err := w.act(committed); tt.want != ErrDamaged && !errors.Is(err, tt.want) {
				t.Errorf("an act answers %v", err)
			}
			w.reopen()
			if _, err := VerifyWith(w.dir, w.log.Verifier(), w.anchor); !errors.Is(err, tt.want) && w.anchor.Size > 0 {
				t.Errorf("who only looks is told %v", err)
			}
			if err := w.log.Settle(); !errors.Is(err, tt.want) || !Acceptable(err) {
				t.Fatalf("opening answers %v", err)
			}
			p, err := w.log.PrepareAccept(w.anchor, w.generation+1, []Event{{Act: Accept, Who: "so"}}, w.log.Misfit())
			w.must(err)
			w.anchor, w.generation = p.Anchor(), w.generation+1
			p.Done(nil)
			w.must(w.act(committed))
			w.reopen()
			w.must(w.log.Settle())
			records := w.verify()
			if n := len(records); records[n-2].Act != Accept {
				t.Fatalf("the acceptance is not in the log: %v", records[n-2])
			}
		})
	}
}

// TestEveryBit flips one bit of each byte of a log: Verify never takes it for sound.
func TestEveryBit(t *testing.T) {
	w := newTwin(t)
	w.must(w.act(committed))
	w.must(w.log.Append(Event{Act: Wrap, Result: ck.CKR_KEY_UNEXTRACTABLE}))
	w.must(w.act(committed))
	since := w.checkpoint()
	whole := w.read(logName)
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		w.write(logName, b)
		if _, err := Verify(w.dir, w.log.Verifier(), since); err == nil {
			t.Fatalf("byte %d: a changed log verifies: %q", i, b[max(0, i-60):min(len(b), i+20)])
		}
	}
}

// TestSince: what was removed, put in another order or written anew since a
// checkpoint that was kept shows, though everything else is in order.
func TestSince(t *testing.T) {
	w := newTwin(t)
	for i := range 5 {
		w.must(w.log.Append(Event{Act: Logout, Detail: fmt.Sprint(i)}))
	}
	kept, whole := w.checkpoint(), w.read(logName)
	lines := strings.SplitAfter(string(whole), "\n")
	w.must(w.log.Append(Event{Act: Logout}))
	w.verify(kept)
	if _, err := OpenCheckpoint(kept.Note, w.log.Verifier()); err != nil {
		t.Fatalf("a signed checkpoint does not open: %v", err)
	}
	w.write(logName, []byte(strings.Join(lines[:6], ""))) // the last acts removed
	if _, err := Verify(w.dir, w.log.Verifier(), kept); !errors.Is(err, ErrInconsistent) {
		t.Fatalf("removed: %v", err)
	}
	other := newTwin(t) // a log made anew with the key
	for i := range 9 {
		other.must(other.log.Append(Event{Act: Logout, Detail: fmt.Sprint(8 - i)}))
	}
	if _, err := Verify(other.dir, other.log.Verifier(), kept); !errors.Is(err, ErrInconsistent) {
		t.Fatalf("written anew: %v", err)
	}
	w.write(logName, []byte(lines[2]+lines[3]+lines[0]+lines[1]))
	if _, err := Verify(w.dir, w.log.Verifier()); !errors.Is(err, ErrDamaged) {
		t.Fatalf("reordered: %v", err)
	}
}

// TestForeignKey: a log whose last checkpoint is of another key is not taken over.
func TestForeignKey(t *testing.T) {
	w := newTwin(t)
	w.must(w.act(committed))
	l, err := Open(w.dir, testName, testKey(2))
	w.must(err)
	if err := l.Append(Event{Act: Logout}); !errors.Is(err, ErrForeign) {
		t.Fatalf("appending: %v", err)
	}
	if _, err := Verify(w.dir, l.Verifier()); !errors.Is(err, ErrDamaged) {
		t.Fatalf("verifying: %v", err)
	}
}

// TestNewer: a log that a later version went on with is refused by name, and nothing
// of it is cut off.
func TestNewer(t *testing.T) {
	w := newTwin(t)
	w.must(w.act(committed))
	b := append(w.read(logName), "{\"v\":2,\"seq\":1}\n{\"v\":2,\"checkpoint\":\"\"}\n"...)
	w.write(logName, b)
	w.reopen()
	if err := w.log.Append(Event{Act: Logout}); !errors.Is(err, ErrNewer) {
		t.Fatalf("appending: %v", err)
	}
	if !bytes.Equal(w.read(logName), b) {
		t.Fatal("the log was changed")
	}
}

// TestLongDetail: whatever an act says, its line is one that can be read again.
func TestLongDetail(t *testing.T) {
	for _, detail := range []string{
		strings.Repeat("\x01", 200<<10), strings.Repeat("\xff", 200<<10), strings.Repeat("\u20ac", 100<<10),
	} {
		w := newTwin(t)
		w.must(w.log.Append(Event{Act: Restore, Who: strings.Repeat("\x01", 255), Detail: detail}))
		w.must(w.log.Append(Event{Act: Backup, Detail: "the next"}))
		w.verify()
		if all := w.records(); len(all) != 2 || !strings.HasSuffix(all[0].Detail, "bytes more)") || all[1].Detail != "the next" {
			t.Errorf("%d records, of %.2q...", len(all), detail)
		}
	}
}
