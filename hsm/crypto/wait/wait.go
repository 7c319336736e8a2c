// Package wait has callers wait for each other, each about as long as an RSA signature
// takes.
//
// In a Go program they are goroutines and wait as such. In the PKCS #11 library each is
// a thread of the host, and its goroutine runs on that thread only: to wake several the
// runtime hands one of its processors (GOMAXPROCS) from thread to thread, with a few
// switches of threads for each, one after the other. And where computing takes all of
// them nobody can come or go meanwhile, though the system has time for it. So Threads
// has callers wait in the system instead, which wakes several at once, and gives the
// runtime more processors than the machine has, as soon as all of these compute.
package wait

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// most is how many wait in the system at a time. Those beyond wait as goroutines: what
// runs in the background is no thread of the host's, and would get one for the wait.
const most = 64

// spare is how many of the runtime's processors there are besides, for each one that
// computes: for those who come and go while one computes for four. Not more than
// mostSpare in all, since each costs some memory, and the collector starts workers by
// their number.
const (
	spare     = 3
	mostSpare = 24
)

var (
	threads atomic.Bool  // callers are threads of a host
	inside  atomic.Int64 // seats that wait in the system, or are about to
	provide sync.Once
	// computing is what Processors was before there were spare ones, 0 while there are none.
	computing atomic.Int64
)

// Threads says whether those who come from now on are threads of a host. They are not
// unless it is called.
func Threads(on bool) { threads.Store(on && haveFutex) }

// Processors is how many callers are to compute at once: as many as the machine has
// processors, or GOMAXPROCS in the environment allows.
func Processors() int {
	if n := computing.Load(); n != 0 {
		return int(n)
	}
	return min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
}

// MakeRoom is for who takes the last processor: from then on others are to be able to
// come. The first time it may stop all goroutines for some microseconds.
func MakeRoom() {
	if threads.Load() {
		provide.Do(provideSpare)
	}
}

func provideSpare() {
	n := Processors()
	computing.Store(int64(n))
	if n += min(spare*n, mostSpare); n > runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(n)
	}
}

// Yield lets others come before an operation, and returns at once if there are none.
// Goroutines could not come before, so that nobody knows; threads could, and then they
// have been seen: crowded says so. One that is alone does not stand back for other
// processes.
func Yield(crowded bool) {
	switch {
	case !threads.Load():
		runtime.Gosched()
	case crowded:
		yieldThread()
	}
}

// Seat is where one caller waits for what another gives it. It can be used again.
type Seat struct {
	given  atomic.Uint32 // 0 until something is
	thread bool          // waits in the system
	c      chan uint32
}

// NewSeat makes one.
func NewSeat() *Seat { return &Seat{c: make(chan uint32, 1)} }

// Sit comes before anybody can know of the seat and call Wake.
func (s *Seat) Sit() {
	s.given.Store(0)
	if s.thread = threads.Load(); s.thread && inside.Add(1) > most {
		inside.Add(-1)
		s.thread = false
	}
}

// Wait returns what Wake gives, or has given since Sit. It is called once after Sit.
func (s *Seat) Wait() uint32 {
	if !s.thread {
		return <-s.c
	}
	defer inside.Add(-1)
	for {
		if given := s.given.Load(); given != 0 {
			return given
		}
		futexWait(&s.given) // may end for no reason
	}
}

// Wake gives the caller who sits there something, which is not 0.
func (s *Seat) Wake(give uint32) {
	if !s.thread {
		s.c <- give
		return
	}
	// Who sits there may be gone after the first line, and another in its place, who
	// is woken for nothing then.
	s.given.Store(give)
	futexWake(&s.given)
}
