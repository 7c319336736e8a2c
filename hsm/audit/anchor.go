package audit

import (
	"bytes"
	"encoding/json"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Anchor is what a store remembers of its log (FORMAT.md, "What the store
// remembers"). The zero value is that of a store that has no log yet. Whoever keeps
// it authenticates it.
type Anchor struct {
	Size int64     `json:"size"`
	Root tlog.Hash `json:"root"`
	Base int64     `json:"base"`
	Tail string    `json:"tail"`
	Uses bool      `json:"uses,omitempty"` // whether uses of keys are recorded
}

// maxTail is how many bytes of the log the store keeps: an act writes them all, so
// few pages; and for as many bytes of records the log is synced once.
const maxTail = 8 << 10

// Encode is the value for the store.
func (a Anchor) Encode() []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // of an Anchor: not possible
	}
	return b
}

// DecodeAnchor reads a value from the store; none at all is the zero Anchor.
func DecodeAnchor(b []byte) (a Anchor, err error) {
	if len(b) == 0 {
		return a, nil
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("the store's memory of the audit log: %w", err)
	}
	return a, nil
}

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
