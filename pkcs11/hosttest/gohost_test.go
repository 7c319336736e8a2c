package hosttest

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/pkcs11/abitest"
)

// goHost says to the test program that it is the host.
const goHost = "COFFER_TEST_GO_HOST"

// A host that is a Go program has a runtime of its own, whose threads end, preempt
// each other by signals and wait for children while they are in the core's.
func TestGoHost(t *testing.T) {
	if count, err := strconv.Atoi(os.Getenv(goHost)); err == nil {
		beGoHost(t, count)
		return
	}
	h := newTokenHost(t, "signals")
	h.program = os.Args[0]
	count := soak.Or("5000", "200")
	h.limit = soak.Or(20*time.Minute, h.limit)
	h.environment = append(h.environment, goHost+"="+count)
	h.mustRun(t, "-test.run=^TestGoHost$")
}

func beGoHost(t *testing.T, count int) {
	library, err := abitest.Load(os.Getenv("COFFER_TEST_MODULE"))
	if err != nil {
		t.Fatal(err)
	}
	if rv := library.Call("C_Initialize", 0); rv != ck.CKR_OK {
		t.Fatal(rv)
	}
	var memory abitest.Memory
	slot := memory.Ulongs(0, 0, 0, 0)
	if rv := library.Call("C_GetSlotList", 1, abitest.Address(slot), abitest.Address(memory.Ulongs(4))); rv != ck.CKR_OK {
		t.Fatal(rv)
	}
	var stop atomic.Bool
	var noise, threads sync.WaitGroup
	for _, f := range []func(){runtime.GC, runChild, spin} {
		noise.Go(func() {
			for !stop.Load() {
				f()
			}
		})
	}
	for range 4 {
		threads.Go(func() {
			for range count / 4 {
				useThreadUp(t, library, uintptr(slot.At(0)))
			}
		})
	}
	threads.Wait()
	stop.Store(true)
	noise.Wait()
	if rv := library.Call("C_Finalize", 0); rv != ck.CKR_OK {
		t.Error(rv)
	}
}

// useThreadUp makes calls on a thread that ends with them: its goroutine never
// unlocks it.
func useThreadUp(t *testing.T, library *abitest.Library, slot uintptr) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		var memory abitest.Memory
		defer memory.Free()
		session, random := memory.Ulongs(0), memory.Bytes(64, 0)
		rvs := []ck.RV{library.Call("C_OpenSession", slot, uintptr(ck.CKF_SERIAL_SESSION), 0, 0, abitest.Address(session))}
		h := uintptr(session.At(0))
		for range 50 {
			rvs = append(rvs, library.Call("C_GenerateRandom", h, abitest.Address(random), uintptr(len(random))))
		}
		for _, rv := range append(rvs, library.Call("C_CloseSession", h)) {
			if rv != ck.CKR_OK {
				t.Error(rv)
			}
		}
	}()
	<-done
}

func runChild() { _ = exec.Command("true").Run() }

// spin is work that another goroutine can interrupt by a signal only.
func spin() {
	for until := time.Now().Add(20 * time.Millisecond); time.Now().Before(until); {
		for range 1 << 20 {
		}
	}
}
