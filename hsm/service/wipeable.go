package service

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// wipeable keeps the computations with a private key and its wiping apart: a key
// may be wiped at any time (its token is removed, its user logs out in another
// thread), and what comes of half a key can give the other half away.
type wipeable struct {
	mu    sync.RWMutex
	wiped bool
	used  atomic.Bool
}

// computation is what a private key does with data.
type computation = func(data []byte) ([]byte, error)

// use runs a computation that holds off wiping, and leaves nothing of the key behind.
// Once the key has been wiped the answer is CKR_USER_NOT_LOGGED_IN.
func (w *wipeable) use(compute func() ([]byte, error)) (out []byte, err error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.wiped {
		return nil, errWiped
	}
	secret.Do(func() { out, err = compute() })
	return out, err
}

// useOften is use for ECDSA, whose many small allocations would take twice as
// long to erase as to use. The first computation erases: it makes what the standard
// library keeps of the key. Of the others the one-time numbers are left to the
// collector as they are.
func (w *wipeable) useOften(compute func() ([]byte, error)) ([]byte, error) {
	if !w.used.Swap(true) {
		return w.use(compute)
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.wiped {
		return nil, errWiped
	}
	return compute()
}

// using makes a computation one that is run by use.
func (w *wipeable) using(compute computation) computation {
	return func(data []byte) ([]byte, error) {
		return w.use(func() ([]byte, error) { return compute(data) })
	}
}

var errWiped = ck.Errorf(ck.CKR_USER_NOT_LOGGED_IN, "the key has been wiped")

// wipe runs erase when no computation is under way.
func (w *wipeable) wipe(erase func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wiped = true
	erase()
}

// whenForgotten has a parsed key wiped when nothing refers to it any more: the computations
// of a private key refer to the wipeable in it.
func whenForgotten[T any](k *T, zero func(*T)) {
	runtime.SetFinalizer(k, nil) // a second one is not allowed
	runtime.SetFinalizer(k, zero)
}
