package wait

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

const haveFutex = true

// Operations of futex(2), for threads of one process.
const (
	futexWaitPrivate = 128
	futexWakePrivate = 129
)

// futexWait waits until somebody wakes those who wait at the word, or returns at once if
// it is not 0. A signal ends it too. The runtime's processor is free meanwhile.
func futexWait(word *atomic.Uint32) {
	syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWaitPrivate, 0, 0, 0, 0)
}

// futexWake wakes one who waits at the word.
func futexWake(word *atomic.Uint32) {
	syscall.RawSyscall(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakePrivate, 1)
}

func yieldThread() { syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
