package store

import "sync/atomic"

// hook is a pair of functions around a lock: enter before a try, leave after it
// failed or the lock was given back.
type hook struct{ enter, leave func() }

var (
	nopHook     = hook{func() {}, func() {}}
	installHook atomic.Pointer[hook]
)

// SetTransactionHook has enter called before a transaction of any Store tries
// for a lock, and leave when it gave all of them back or did not get them. A
// host's fork can be held back in between: a child inherits the locks of the
// files that are open. The functions are called from many threads, and every
// enter has one leave.
func SetTransactionHook(enter, leave func()) {
	installHook.Store(&hook{enter, leave})
}

func currentHook() hook {
	if h := installHook.Load(); h != nil {
		return *h
	}
	return nopHook
}
