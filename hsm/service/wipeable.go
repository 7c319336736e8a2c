package service

import (
	"sync"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// wipeable keeps the computations with a private key and its wiping apart: a key
// may be wiped at any time (its token is removed, its user logs out in another
// thread), and what comes of half a key can give the other half away.
type wipeable struct {
	mu    sync.RWMutex
	wiped bool
}

// using makes a computation hold off wiping while it runs. Once the key has been
// wiped it answers CKR_USER_NOT_LOGGED_IN.
func (w *wipeable) using(compute func([]byte) ([]byte, error)) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) {
		w.mu.RLock()
		defer w.mu.RUnlock()
		if w.wiped {
			return nil, ck.Errorf(ck.CKR_USER_NOT_LOGGED_IN, "the key has been wiped")
		}
		return compute(data)
	}
}

// wipe runs erase when no computation is under way.
func (w *wipeable) wipe(erase func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wiped = true
	erase()
}
