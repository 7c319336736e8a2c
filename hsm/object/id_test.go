package object

import (
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
)

// No name is given twice, nor one that begins as another ends, whichever thread asks.
func TestNamesOfThreadsDiffer(t *testing.T) {
	var mu sync.Mutex
	seen := map[[8]byte]bool{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			ids := make([]api.ObjectID, 1000)
			for i := range ids {
				ids[i] = newID()
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range ids {
				for _, half := range [][8]byte{[8]byte(id[:8]), [8]byte(id[8:])} {
					if seen[half] || half == [8]byte{} {
						t.Errorf("%x is in two names", half)
					}
					seen[half] = true
				}
			}
		})
	}
	all.Wait()
}

// The lane is told by the first bits of a name, and nothing else.
func TestLanes(t *testing.T) {
	seen := map[api.ObjectID]bool{}
	var firsts [Lanes]map[byte]bool
	for i := range 64 * Lanes {
		id := newIDIn(uint8(i))
		if seen[id] || LaneOf(&id) != i%Lanes {
			t.Fatalf("%x is twice, or not in lane %d", id, i%Lanes)
		}
		seen[id] = true
		if firsts[i%Lanes] == nil {
			firsts[i%Lanes] = map[byte]bool{}
		}
		firsts[i%Lanes][id[0]] = true
	}
	for lane, first := range firsts {
		if len(first) < 2 || len(first) > 256/Lanes {
			t.Errorf("lane %d: %d first bytes", lane, len(first))
		}
	}
}

func TestNewIDTakesNoMemory(t *testing.T) {
	if n := testing.AllocsPerRun(1000, func() { newID() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
