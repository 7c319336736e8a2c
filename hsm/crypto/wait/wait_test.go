package wait

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// bothWays runs a test with callers that are goroutines and with such that are threads.
func bothWays(t *testing.T, f func(*testing.T)) {
	for name, threads := range map[string]bool{"goroutines": false, "threads": true} {
		t.Run(name, func(t *testing.T) {
			Threads(threads)
			defer Threads(false)
			f(t)
			if n := inside.Load(); n != 0 {
				t.Errorf("%d still wait in the system", n)
			}
		})
	}
}

// TestWakeThreads: everybody gets what was given to it, whether it waited already or
// not, with more callers than wait in the system, on seats that are used again.
func TestWakeThreads(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		const callers, rounds = most + 9, 50
		seats := make([]*Seat, callers)
		for i := range seats {
			seats[i] = NewSeat()
		}
		for round := range rounds {
			var group sync.WaitGroup
			for _, s := range seats {
				s.Sit()
			}
			for i, s := range seats {
				group.Go(func() {
					if got, want := s.Wait(), uint32(1+i+round); got != want {
						t.Errorf("caller %d of round %d got %d, not %d", i, round, got, want)
					}
				})
			}
			for i, s := range seats {
				group.Go(func() { s.Wake(uint32(1 + i + round)) })
			}
			group.Wait()
		}
	})
}

// TestCollectorGoroutines: who waits in the system keeps neither the collector nor other
// goroutines from their work.
func TestCollectorGoroutines(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		var group sync.WaitGroup
		seats := make([]*Seat, 2*runtime.GOMAXPROCS(0))
		for i := range seats {
			seats[i] = NewSeat()
			seats[i].Sit()
			group.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				seats[i].Wait()
			})
		}
		for range 3 {
			runtime.GC()
			Yield(true)
		}
		for _, s := range seats {
			s.Wake(1)
		}
		group.Wait()
	})
}

// TestRoom: threads have room to come where all processors compute, goroutines have not
// asked for it.
func TestRoom(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	MakeRoom()
	if now := runtime.GOMAXPROCS(0); now != before {
		t.Errorf("%d processors for goroutines, not %d", now, before)
	}
	Threads(true)
	defer Threads(false)
	computing := Processors()
	MakeRoom()
	if now := runtime.GOMAXPROCS(0); haveFutex && now <= computing {
		t.Errorf("%d processors for threads, of which %d compute at once", now, computing)
	}
	if now := Processors(); now != computing {
		t.Errorf("%d compute at once, not %d", now, computing)
	}
}

// TestRoomOfOne: where the environment has the runtime use one processor, no more than one
// caller computes, in spite of the room for others.
func TestRoomOfOne(t *testing.T) {
	child := exec.Command(os.Args[0], "-test.run=^TestRoom$", "-test.v")
	child.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS: TestRoom") {
		t.Errorf("%v: %s", err, out)
	}
}
