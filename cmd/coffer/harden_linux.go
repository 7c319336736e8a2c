package main

import "golang.org/x/sys/unix"

// denyCoreDumps keeps PINs and keys of this process out of core dumps and away
// from debuggers of the same user. Should the kernel refuse, the tool works on.
func denyCoreDumps() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
