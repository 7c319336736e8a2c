package secret

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// flagsOf returns the flags that the kernel has for the memory at p.
func flagsOf(t *testing.T, p *byte) []string {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at, inside := uintptr(unsafe.Pointer(p)), false
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var from, to uintptr
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if flags, ok := strings.CutPrefix(lines.Text(), "VmFlags:"); ok && inside {
			return strings.Fields(flags)
		}
	}
	t.Fatal("no such mapping")
	return nil
}

func TestProtection(t *testing.T) {
	for _, n := range []int{32, 10_000} {
		s := New(n)
		flags := strings.Join(flagsOf(t, &s.Expose()[0]), " ")
		for flag, what := range map[string]string{"dd": "left out of core dumps", "wf": "wiped on fork"} {
			if !strings.Contains(flags, flag) {
				t.Errorf("%d bytes: not %s (%s)", n, what, flags)
			}
		}
		if Locked() != strings.Contains(flags, "lo") {
			t.Errorf("%d bytes: Locked says %v, the kernel %s", n, Locked(), flags)
		}
		s.Zero()
	}
}

// Where no memory may be locked, or none mapped at all, secrets work as ever,
// and Locked says so.
func TestWithoutLockedMemory(t *testing.T) {
	if os.Getenv("SECRET_TEST_CHILD") != "" {
		unprivileged(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutLockedMemory$", "-test.v")
	cmd.Env = append(os.Environ(), "SECRET_TEST_CHILD=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "secrets work unlocked") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func unprivileged(t *testing.T) {
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{}); err != nil {
		t.Fatal(err)
	}
	// root may lock whatever the limit says, until it gives that right away.
	if os.Geteuid() == 0 {
		dropLockRight(t)
	}
	for _, n := range []int{32, 500, 100_000} {
		s := From([]byte(strings.Repeat("x", n)))
		if s.Len() != n || s.Expose()[n-1] != 'x' {
			t.Fatalf("%d bytes are lost", n)
		}
		s.Zero()
	}
	if Locked() {
		t.Fatal("Locked says yes")
	}
	fmt.Println("secrets work unlocked")
}

// dropLockRight takes CAP_IPC_LOCK from this thread, which the test then keeps to
// itself: capabilities belong to threads.
func dropLockRight(t *testing.T) {
	runtime.LockOSThread()
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		t.Fatal(err)
	}
	data[0].Effective &^= 1 << unix.CAP_IPC_LOCK
	data[0].Permitted &^= 1 << unix.CAP_IPC_LOCK
	data[0].Inheritable = 0
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		t.Fatal(err)
	}
}
