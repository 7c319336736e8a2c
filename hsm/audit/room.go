package audit

import (
	"github.com/coffer-hsm/coffer/hsm/store"
	"golang.org/x/mod/sumdb/tlog"
)

// The room that is kept behind the end of the log, in bytes, so that some two hundred
// acts are recorded yet once the disk is full; and the least, for those of a login.
const (
	roomAhead = 64 << 10
	roomLeast = 4 << 10
)

// Ready makes sure that the records of a few acts to come can be appended: the errors of
// Settle, or of the disk. a is what the store remembers; the caller is the store's only
// writer, as in Prepare.
func (l *Log) Ready(a Anchor) error {
	h, err := l.acquire(true)
	if err != nil {
		return err
	}
	defer h.release()
	if err := h.settleWith(a); err != nil {
		return err
	}
	if err := store.Reserve(h.log, h.at.offset, roomAhead, roomLeast); err != nil {
		return err
	}
	return store.Reserve(h.hashes, tlog.StoredHashCount(h.at.Size)*tlog.HashSize, roomAhead/4, roomLeast/4)
}
