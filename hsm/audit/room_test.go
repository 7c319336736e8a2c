package audit

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
)

// TestUnwritten: only want of room is an error that a partition opens with.
func TestUnwritten(t *testing.T) {
	for cause, is := range map[error]bool{
		syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EFBIG: true, syscall.EIO: false, ErrForeign: false, ErrNewer: false,
	} {
		err := unwritten(&fs.PathError{Op: "write", Path: "log", Err: cause})
		if errors.Is(err, ErrUnwritten) != is || !errors.Is(err, cause) || Acceptable(err) != (cause == ErrForeign) {
			t.Errorf("%v: %v", cause, err)
		}
	}
}
