//go:build !purego

package aes

import (
	"runtime"
	"testing"
	"time"
)

// TestWhenForgotten: a key is wiped once nothing refers to a part of it.
func TestWhenForgotten(t *testing.T) {
	wiped := make(chan struct{})
	v := newVAES(make([]byte, 16), nil).(*vaes)
	schedule := &v.encrypt
	whenForgotten(v, func(v *vaes) {
		v.zero()
		close(wiped)
	})
	v = nil
	for range 3 {
		runtime.GC()
	}
	select {
	case <-wiped:
		t.Fatal("wiped while its schedule is in use")
	case <-time.After(10 * time.Millisecond):
	}
	runtime.KeepAlive(schedule)
	for range 200 {
		runtime.GC()
		select {
		case <-wiped:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatal("not wiped")
}
