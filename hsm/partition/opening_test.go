package partition

import (
	"errors"
	"sync/atomic"
	"testing"
)

// TestInThreads: each is done once, an error is returned, and a panic is the caller's,
// whichever thread it came in.
func TestInThreads(t *testing.T) {
	var sum atomic.Int64
	if err := inThreads(100, func(i int) error { sum.Add(int64(i)); return nil }); err != nil || sum.Load() != 4950 {
		t.Errorf("%d, %v", sum.Load(), err)
	}
	bad := errors.New("bad")
	if err := inThreads(10, func(i int) error { return map[int]error{7: bad}[i] }); err != bad {
		t.Errorf("an error: %v", err)
	}
	for at := range 10 {
		func() {
			defer func() {
				if r := recover(); r != at {
					t.Errorf("a panic in %d: %v", at, r)
				}
			}()
			inThreads(10, func(i int) error {
				if i == at {
					panic(i)
				}
				return nil
			})
		}()
	}
}

// TestIndexSameValue: objects whose values are told apart by looking at them alone are
// found for themselves.
func TestIndexSameValue(t *testing.T) {
	var x index
	a, b := &entry{order: 1, values: [len(indexed)]uint64{5, 6}}, &entry{order: 2, values: [len(indexed)]uint64{5, 7}}
	o := builtIns().profiles[0].object
	a.object, b.object = o, o
	x.add(a)
	x.add(b)
	if list := x.values[0][5]; len(list) != 2 || list[0] != a || list[1] != b {
		t.Errorf("%v", list)
	}
	x.remove(a)
	if list := x.values[0][5]; len(list) != 1 || list[0] != b || len(x.values[1]) != 1 || len(x.all) != 1 {
		t.Errorf("%v, %v", list, x.values)
	}
}
