package storetest

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Fault refuses one Call, when it is armed.
type Fault struct {
	mu    sync.Mutex
	after int // Calls until the one that is refused; 0 if none will be
	errno unix.Errno
	met   *Call
}

// Arm has Call number n, counted from 1 and from now, refused with errno.
func (f *Fault) Arm(n int, errno unix.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after, f.errno, f.met = n, errno, nil
}

// Disarm has no Call refused any more and returns the one that was; nil if none.
func (f *Fault) Disarm() *Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.after = 0
	return f.met
}

// Decide is for Watch.
func (f *Fault) Decide(c Call) Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.after == 0 {
		return Answer{}
	}
	if f.after--; f.after > 0 {
		return Answer{}
	}
	f.met = &c
	return Answer{Errno: f.errno}
}
