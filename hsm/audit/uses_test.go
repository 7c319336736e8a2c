package audit

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

func signing(object byte) Use {
	return Use{Act: Sign, Who: "user", Object: [16]byte{object}, Class: ck.CKO_PRIVATE_KEY, Mechanism: ck.CKM_ECDSA}
}

// counted adds up the uses that a log tells of, by object, and those of the ends.
func (w *twin) counted() (by map[string]uint64, ended uint64) {
	by = map[string]uint64{}
	for _, r := range w.verify() {
		switch r.Act {
		case Sign:
			by[r.Object] += r.Count
		case UseEnd:
			ended += r.Count
		}
	}
	return by, ended
}

// TestUses: every use is counted, those of many threads too; they are in the log
// within their time, and at the end.
func TestUses(t *testing.T) {
	w := newTwin(t)
	const threads, each = 4, 3 * MaxUses
	var wait sync.WaitGroup
	for i := range threads {
		wait.Go(func() {
			for range each {
				w.log.Use(signing(byte(i + 1)))
			}
		})
	}
	wait.Wait()
	by, _ := w.counted()
	sum := uint64(0)
	for _, n := range by {
		sum += n
	}
	if lost := threads*each - sum; lost > MaxUses {
		t.Fatalf("%d uses were not in the log, more than %d", lost, MaxUses)
	}
	w.log.Use(signing(1))
	deadline := time.Now().Add(10 * UseDelay)
	for {
		by, _ = w.counted()
		sum = 0
		for _, n := range by {
			sum += n
		}
		if sum == threads*each+1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d uses of %d after %v", sum, threads*each+1, 10*UseDelay)
		}
		time.Sleep(UseDelay / 10)
	}
	w.log.Use(signing(2))
	w.must(w.log.Close())
	if _, ended := w.counted(); ended != threads*each+2 {
		t.Fatalf("use.end tells of %d uses", ended)
	}
	if r, err := Verify(w.dir, w.log.Verifier()); err != nil || len(r.Lost) != 0 {
		t.Fatalf("lost: %v, %v", r, err)
	}
}

// TestUsesLost: a process that is killed loses no more than its log said it could,
// and the report names it.
func TestUsesLost(t *testing.T) {
	w := newTwin(t)
	for range MaxUses + 5 {
		w.log.Use(signing(1))
	}
	w.log.uses.timer.Stop() // killed
	r, err := Verify(w.dir, w.log.Verifier())
	w.must(err)
	if len(r.Lost) != 1 || r.Lost[0].Count != MaxUses || r.Lost[0].PID != os.Getpid() {
		t.Fatalf("lost: %+v", r.Lost)
	}
}

// TestUsesWithoutRoom: where the log cannot be written, uses go on, are counted, and
// are written when there is room.
func TestUsesWithoutRoom(t *testing.T) {
	w := newTwin(t)
	w.must(w.act(committed))
	w.must(os.Rename(w.file(logName), w.file("away")))
	w.must(os.Mkdir(w.file(logName), 0o700)) // nothing that can be appended to
	for range MaxUses + 3 {
		w.log.Use(signing(1))
	}
	if err := w.log.Flush(); err == nil {
		t.Fatal("flushed to nowhere")
	}
	if err := w.act(committed); err == nil {
		t.Fatal("an act without a log")
	}
	w.must(os.Remove(w.file(logName)))
	w.must(os.Rename(w.file("away"), w.file(logName)))
	w.must(w.log.Flush())
	by, _ := w.counted()
	if by[hexID([16]byte{1})] != MaxUses+3 {
		t.Fatalf("%v", by)
	}
}

// TestUnsettledUses: uses wait for the record of an act whose process was killed.
func TestUnsettledUses(t *testing.T) {
	w := newTwin(t)
	w.must(w.act(killedAfter))
	w.log.Use(signing(1))
	w.must(w.log.Flush())
	if records := w.verify(); len(records) != 3 || records[0].Act != Generate {
		t.Fatalf("%v", records)
	}
	w.must(w.act(killedAfter))
	w.log.WithStore(nil)
	if err := w.log.Note(Event{Act: Logout}); !errors.Is(err, errUnsettled) {
		t.Fatalf("an append before the record of the act: %v", err)
	}
}

// TestUseTimes: the times of uses are those of the first and the last, but for a tick.
func TestUseTimes(t *testing.T) {
	w := newTwin(t)
	before := time.Now()
	for range 4 {
		w.log.Use(signing(1))
		time.Sleep(2 * useTick)
	}
	after := time.Now()
	w.must(w.log.Flush())
	for _, r := range w.verify() {
		if r.Act != Sign {
			continue
		}
		if r.First.Before(before.Add(-time.Millisecond)) || r.Last.Before(before.Add(5*useTick)) || r.Last.After(after) {
			t.Errorf("from %v to %v: %v to %v", before, after, r.First, r.Last)
		}
	}
}

// TestUseAllocates: to note a use takes no memory.
func TestUseAllocates(t *testing.T) {
	w := newTwin(t)
	w.log.Use(signing(1))
	if n := testing.AllocsPerRun(1000, func() { w.log.Use(signing(1)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUse(b *testing.B) {
	w := newTwin(b)
	e := signing(1)
	b.ReportAllocs()
	for b.Loop() {
		w.log.Use(e)
	}
}

func BenchmarkAct(b *testing.B) {
	w := newTwin(b)
	for b.Loop() {
		w.must(w.act(committed))
	}
}

func BenchmarkAppend(b *testing.B) {
	w := newTwin(b)
	for b.Loop() {
		w.must(w.log.Append(Event{Act: Logout}))
	}
}
