package audit

import (
	"errors"
	"fmt"
)

// What can be wrong with a log. Errors wrap one of these and say what to do.
var (
	// ErrStoreOlder: the log knows of acts that the store does not.
	ErrStoreOlder = errors.New("the store is older than its audit log")
	// ErrLogOlder: the store knows of acts that the log does not.
	ErrLogOlder = errors.New("the audit log is older than the store, or missing")
	// ErrForeign: the log is not the one that the store was written with.
	ErrForeign = errors.New("the audit log is not the one of this store")
	// ErrDamaged: a line is not what was written.
	ErrDamaged = errors.New("the audit log is damaged")
	// ErrNewer: a newer version wrote the log.
	ErrNewer = errors.New("the audit log was written by a newer version")
	// ErrInconsistent: the log does not continue an earlier checkpoint.
	ErrInconsistent = errors.New("the audit log was changed since the checkpoint")
	// ErrUnwritten: the log fits its store, but there is no room for its last records.
	// The store has them, and nothing can be recorded before they are in the log.
	ErrUnwritten = errors.New("the last records wait for room")

	// errUnsettled: somebody died between a commit of the store and its record.
	errUnsettled = errors.New("audit: the log has to be settled with the store")
)

const acceptHint = "find out who put an older file back; to go on knowingly: coffer audit accept"

// mismatch is one of the errors that an SO can accept.
func mismatch(kind error, format string, args ...any) error {
	return fmt.Errorf("%w (%s): %s", kind, fmt.Sprintf(format, args...), acceptHint)
}

// Acceptable reports whether err is one that Accept gets over.
func Acceptable(err error) bool {
	for _, kind := range []error{ErrStoreOlder, ErrLogOlder, ErrForeign, ErrDamaged} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func damaged(seq int64, format string, args ...any) error {
	return fmt.Errorf("%w at record %d: %s", ErrDamaged, seq, fmt.Sprintf(format, args...))
}
