package store

import (
	"errors"
	"slices"
	"syscall"
)

// noRoom is what a file system says that cannot take any more.
var noRoom = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

// NoRoom reports whether an error of a file is that there is no room for more.
func NoRoom(err error) bool {
	return slices.ContainsFunc(noRoom, func(cause error) bool { return errors.Is(err, cause) })
}
