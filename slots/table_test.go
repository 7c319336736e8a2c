package slots

import (
	"math/rand/v2"
	"sync"
	"testing"
)

func TestTableAgainstMap(t *testing.T) {
	var tab table[int]
	twin := map[uint64]int{}
	var handles, dead []uint64
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20000 {
		if len(handles) == 0 || rng.IntN(5) < 3 {
			h := tab.add(func(_ uint64, v *int) { *v = i })
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
	h := tab.add(func(_ uint64, v *string) { *v = "x" })
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
		tab.remove(tab.add(func(uint64, *int) {}))
	}
	if tab.used != 1 {
		t.Errorf("%d rows for one value at a time", tab.used)
	}
}

func TestTableSequenceWraps(t *testing.T) {
	tab := table[int]{last: sequenceMask}
	if h := tab.add(func(_ uint64, v *int) { *v = 7 }); h>>32 != 1 || *tab.get(h) != 7 {
		t.Errorf("handle %#x after the last sequence number", h)
	}
}

func TestTableThreads(t *testing.T) {
	var tab table[uint64]
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 2000 {
				h := tab.add(func(h uint64, v *uint64) { *v = h })
				if v := tab.get(h); v == nil || *v != h {
					t.Errorf("get %#x: %v", h, v)
				}
				if tab.remove(h) == nil || tab.get(h) != nil {
					t.Errorf("%#x is not gone", h)
				}
			}
		})
	}
	wg.Wait()
}
