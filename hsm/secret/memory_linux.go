package secret

import "golang.org/x/sys/unix"

// mapProtected maps n bytes that are left out of core dumps, are empty in a
// forked child, and, if locked, never go to swap.
func mapProtected(n int) (mem []byte, locked bool) {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, false
	}
	// Kernels older than Linux 4.14 know no MADV_WIPEONFORK. None of this failing
	// is a reason to refuse work.
	unix.Madvise(mem, unix.MADV_DONTDUMP)
	unix.Madvise(mem, unix.MADV_WIPEONFORK)
	return mem, unix.Mlock(mem) == nil
}

func unmap(mem []byte) { unix.Munmap(mem) }
