package object

import (
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
)

// No name is given twice, nor one that begins as another ends, whichever thread asks.
func TestNamesDiffer(t *testing.T) {
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

func TestNewIDTakesNoMemory(t *testing.T) {
	if n := testing.AllocsPerRun(1000, func() { newID() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
