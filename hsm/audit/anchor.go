package audit

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// Anchor is what a store remembers of its log (FORMAT.md, "What the store
// remembers"). The zero value is that of a store that has no log yet. Whoever keeps
// it authenticates it.
type Anchor struct {
	Size int64     // records, after the last act
	Root tlog.Hash // of as many
	Base int64     // records before Tail
	Tail string    // lines of the log from there to Size
	Uses bool      // whether uses of keys are recorded

	Generation uint64 // of the store, that the last act made
}

const (
	// maxTail is how many bytes of the log the store keeps: an act writes them all, so
	// few pages; and for as many bytes of records the log is synced once.
	maxTail = 4 << 10

	anchorVersion = 1
	anchorHead    = 1 + 1 + 8 + 8 + 8 + tlog.HashSize
	flagUses      = 1
)

// Encode is the value for the store.
func (a Anchor) Encode() []byte {
	flags := byte(0)
	if a.Uses {
		flags = flagUses
	}
	b := append(make([]byte, 0, anchorHead+len(a.Tail)), anchorVersion, flags)
	b = binary.LittleEndian.AppendUint64(b, uint64(a.Size))
	b = binary.LittleEndian.AppendUint64(b, uint64(a.Base))
	b = binary.LittleEndian.AppendUint64(b, a.Generation)
	b = append(b, a.Root[:]...)
	return append(b, a.Tail...)
}

// DecodeAnchor reads a value from the store; none at all is the zero Anchor. ErrNewer.
func DecodeAnchor(b []byte) (a Anchor, err error) {
	switch {
	case len(b) == 0:
		return a, nil
	case b[0] != anchorVersion:
		return a, ErrNewer
	case len(b) < anchorHead:
		return a, errors.New("the store's memory of the audit log is too short")
	}
	a.Uses = b[1]&flagUses != 0
	a.Size = int64(binary.LittleEndian.Uint64(b[2:]))
	a.Base = int64(binary.LittleEndian.Uint64(b[10:]))
	a.Generation = binary.LittleEndian.Uint64(b[18:])
	copy(a.Root[:], b[26:])
	a.Tail = string(b[anchorHead:])
	return a, nil
}

// RecordsUses reads from a value of the store whether uses are recorded.
func RecordsUses(b []byte) bool { return len(b) > 1 && b[0] == anchorVersion && b[1]&flagUses != 0 }

// batches splits the tail into batches, each ended by its checkpoint line.
func (a Anchor) batches() [][]byte {
	var all [][]byte
	rest, start := []byte(a.Tail), 0
	for at := 0; at < len(rest); {
		end := at + bytes.IndexByte(rest[at:], '\n') + 1
		if end == at {
			break
		}
		if isCheckpoint(rest[at:end]) {
			all = append(all, rest[start:end])
			start = end
		}
		at = end
	}
	return all
}
