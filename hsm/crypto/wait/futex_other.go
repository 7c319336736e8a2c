//go:build !linux

package wait

import (
	"runtime"
	"sync/atomic"
)

// haveFutex is false, so that all wait as goroutines and none of these is called.
const haveFutex = false

func futexWait(*atomic.Uint32) { runtime.Gosched() }
func futexWake(*atomic.Uint32) {}
func yieldThread()             { runtime.Gosched() }
