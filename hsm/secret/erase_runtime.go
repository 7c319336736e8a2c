//go:build goexperiment.runtimesecret

package secret

import (
	"runtime"
	"runtime/secret"
)

// Do runs f and sees to what it leaves behind: registers and stack are erased when it
// returns, and what it has allocated is erased when the collector frees it. It is
// for work whose temporaries are out of reach: the standard library's keys,
// numbers and hash states. What f passes out is erased like the rest, once nobody
// holds it any more.
func Do(f func()) { secret.Do(f) }

// Collect erases now what Do has left to the collector and nobody holds any more. It
// takes as long as two collections: the first frees what waits for a cleanup.
func Collect() {
	runtime.GC()
	runtime.GC()
}
