//go:build goexperiment.runtimesecret

package secret

import (
	"runtime"
	"runtime/secret"
	"time"
)

// Do runs f and sees to what it leaves behind: registers and stack are erased when it
// returns, and what it has allocated is erased when the collector frees it. It is
// for work whose temporaries are out of reach: the standard library's keys,
// numbers and hash states. What f passes out is erased like the rest, once nobody
// holds it any more.
func Do(f func()) { secret.Do(f) }

// Collect erases now what Do has left to the collector and nobody holds any more. The
// standard library keeps what it makes of a key until a cleanup of that key has run,
// so the collector goes round again after the cleanups of each round.
func Collect() {
	for range 2 {
		collectAndClean()
	}
	runtime.GC()
}

// patience bounds the wait for cleanups: they have goroutines of their own.
const patience = 100 * time.Millisecond

// collectAndClean is one round of the collector, and of the cleanups that it queues: it
// waits for one of its own among them, and lets those beside it run.
func collectAndClean() {
	ran := make(chan struct{})
	runtime.AddCleanup(new([smallest]byte), func(c chan struct{}) { close(c) }, ran)
	runtime.GC()
	select {
	case <-ran:
	case <-time.After(patience):
	}
	time.Sleep(time.Millisecond)
}
