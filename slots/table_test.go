package slots

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// locked calls change under the lock of a table.
func locked[T, R any](tab *table[T], change func() R) R {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return change()
}

// add is enter of a value that has no entry.
func (t *table[T]) add(value T) (handle uint64) { return t.enter(&entry[T]{value: value}) }

func TestTableAgainstMap(t *testing.T) {
	var tab table[int]
	twin := map[uint64]int{}
	var handles, dead []uint64
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20000 {
		if len(handles) == 0 || rng.IntN(5) < 3 {
			h := tab.add(i)
			if _, taken := twin[h]; taken || h == 0 {
				t.Fatalf("handle %#x given twice, or 0", h)
			}
			twin[h], handles = i, append(handles, h)
			continue
		}
		n := rng.IntN(len(handles))
		h := handles[n]
		handles = append(handles[:n], handles[n+1:]...)
		if v := tab.remove(h); v == nil || *v != twin[h] {
			t.Fatalf("remove %#x: %v, want %d", h, v, twin[h])
		}
		delete(twin, h)
		dead = append(dead, h)
	}
	for h, want := range twin {
		if v := tab.get(h); v == nil || *v != want {
			t.Errorf("get %#x: %v, want %d", h, v, want)
		}
	}
	for _, h := range dead {
		if tab.get(h) != nil || tab.remove(h) != nil {
			t.Errorf("%#x is back", h)
		}
	}
	if n := len(tab.values()); n != len(twin) {
		t.Errorf("%d values, want %d", n, len(twin))
	}
	for _, h := range tab.handles() {
		if _, ok := twin[h]; !ok {
			t.Errorf("%#x is no handle", h)
		}
	}
	if n := len(tab.handles()); n != len(twin) {
		t.Errorf("%d handles, want %d", n, len(twin))
	}
}

func TestTableStrangeHandles(t *testing.T) {
	var tab table[string]
	if tab.get(1<<32) != nil || tab.remove(1<<32) != nil {
		t.Error("an empty table has a value")
	}
	h := tab.add("x")
	for _, bad := range []uint64{0, h + 1, h + 1<<32, h | 1<<63, ^uint64(0), h + chunkRows, h &^ (1<<32 - 1) >> 1} {
		if tab.get(bad) != nil || tab.remove(bad) != nil {
			t.Errorf("%#x is taken for %#x", bad, h)
		}
	}
}

// A table is as large as what it holds at once.
func TestTableReusesRows(t *testing.T) {
	var tab table[int]
	for range 10 * chunkRows {
		tab.remove(tab.add(0))
	}
	if tab.used != 1 {
		t.Errorf("%d rows for one value at a time", tab.used)
	}
}

func TestTableSequenceWraps(t *testing.T) {
	var tab table[int]
	e := &entry[int]{value: 7}
	tab.seat(e)
	e.last |= sequenceMask << 32
	h := e.next()
	if e.admit(h); h>>32 != 1 || *tab.get(h) != 7 {
		t.Errorf("handle %#x after the last sequence number", h)
	}
}

// Each row counts by itself, over all values that it has: none of them is found by a handle
// of those before.
func TestTableRowsCount(t *testing.T) {
	var tab table[int]
	seen := map[uint64]bool{}
	for i := range 50 {
		e := &entry[int]{value: i}
		tab.seat(e)
		for range i % 3 {
			e.next() // it comes and goes
		}
		h := e.next()
		e.admit(h)
		if seen[h] || *tab.get(h) != i {
			t.Fatalf("%#x of value %d: seen before, or not found", h, i)
		}
		for n := e.last; n>>32 > 0; n -= 1 << 32 {
			seen[n] = true
		}
		tab.remove(h)
	}
}

func TestTableThreads(t *testing.T) {
	var tab table[uint64]
	var wg sync.WaitGroup
	for i := range uint64(16) {
		wg.Go(func() {
			for range 2000 {
				h := locked(&tab, func() uint64 { return tab.add(i) })
				if v := tab.get(h); v == nil || *v != i {
					t.Errorf("get %#x: %v", h, v)
				}
				if locked(&tab, func() *uint64 { return tab.remove(h) }) == nil || tab.get(h) != nil {
					t.Errorf("%#x is not gone", h)
				}
			}
		})
	}
	wg.Wait()
}

// An entry that keeps its row has another handle each time.
func TestTableKeepsSeats(t *testing.T) {
	var tab table[string]
	e := &entry[string]{value: "x"}
	tab.seat(e)
	var before uint64
	for range 5 {
		if n := len(tab.values()); n != 0 || tab.get(e.next()) != nil {
			t.Fatalf("%d values are there, none is admitted", n)
		}
		h := e.next()
		e.admit(h)
		if v := tab.get(h); v != &e.value || tab.get(before) != nil || h == before || len(tab.values()) != 1 {
			t.Fatalf("%#x after %#x: %v", h, before, v)
		}
		e.dismiss()
		before = h
	}
	tab.unseat(e)
	if h := tab.add("y"); uint32(h) != uint32(e.last) || tab.used != 1 || tab.get(before) != nil {
		t.Errorf("the row is not used again: %#x", h)
	}
}
