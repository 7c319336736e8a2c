package wait

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestWakeForNothing: who is woken and was given nothing waits on.
func TestWakeForNothing(t *testing.T) {
	Threads(true)
	defer Threads(false)
	s := NewSeat()
	s.Sit()
	var over atomic.Bool
	done := make(chan uint32)
	go func() {
		got := s.Wait()
		over.Store(true)
		done <- got
	}()
	for range 20 {
		futexWake(&s.given)
		time.Sleep(time.Millisecond)
	}
	if over.Load() {
		t.Fatal("somebody was woken for nothing and went")
	}
	s.Wake(7)
	if got := <-done; got != 7 {
		t.Errorf("got %d", got)
	}
}
