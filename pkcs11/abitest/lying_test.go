package abitest

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"golang.org/x/sys/unix"
)

// mostMapped is the most address space that this process has had, in bytes.
func mostMapped(t *testing.T) (n uint64) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := bytes.Cut(status, []byte("VmPeak:"))
	if _, err := fmt.Sscanf(string(line), "%d kB", &n); err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// TestLyingOverlap says that the input is so long that it runs into the output. The
// copy that this takes must not be room asked for on the caller's word alone: where
// the host has a limit on its memory, Go ends it.
func TestLyingOverlap(t *testing.T) {
	const told = 1 << 29
	k := open(t)
	mem, err := unix.Mmap(-1, 0, told, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := unix.Mprotect(mem[:4096], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	before := mostMapped(t)
	k.ok("C_EncryptInit", k.h, k.mechanism(ck.CKM_AES_ECB, nil), k.aesKey())
	n := k.Ulongs(64)
	k.want(ck.CKR_GENERAL_ERROR, "C_Encrypt", k.h, Address(mem), told, Address(mem)+64, Address(n))
	k.want(ck.CKR_OPERATION_NOT_INITIALIZED, "C_Encrypt", k.h, Address(mem), 64, Address(mem)+64, Address(n))
	if after := mostMapped(t); after-before > told/2 {
		t.Errorf("%d MiB were mapped for it", (after-before)>>20)
	}
}

// TestLyingRandom asks for random bytes where nothing can be written, and where less can
// than is said. Who fills the memory may be code of the kernel's in this process.
func TestLyingRandom(t *testing.T) {
	k := open(t)
	for _, n := range []int{1, 16, 64, 1023, 1024, 8192, 1 << 18} {
		mem := k.Bytes(n, 0)
		k.want(ck.CKR_GENERAL_ERROR, "C_GenerateRandom", k.h, Address(mem)+1, uintptr(n))
		k.ok("C_GenerateRandom", k.h, Address(mem), uintptr(n))
		constant, err := unix.Mmap(-1, 0, n, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			t.Fatal(err)
		}
		k.want(ck.CKR_GENERAL_ERROR, "C_GenerateRandom", k.h, Address(constant), uintptr(n))
		if err := unix.Munmap(constant); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRandomWithoutSession has nothing written, and nothing said of the memory, where there
// is no session.
func TestRandomWithoutSession(t *testing.T) {
	k := open(t)
	const fill, none = 0xaa, 0
	mem := k.Bytes(8192, fill)
	k.want(ck.CKR_SESSION_HANDLE_INVALID, "C_GenerateRandom", none, Address(mem), uintptr(len(mem)))
	k.want(ck.CKR_SESSION_HANDLE_INVALID, "C_GenerateRandom", none, Address(mem)+1, uintptr(len(mem)))
	if bytes.Count(mem, []byte{fill}) != len(mem) {
		t.Error("a call without a session has written to the caller's memory")
	}
}
