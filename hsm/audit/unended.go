package audit

import (
	"io"
	"slices"
)

// Unended lists the records that began something and have not ended, in a log that is
// appended to as FORMAT.md says ("The home's log"): whoever begins something has ended
// what was open, and the ends are one batch. So the end of the log tells, and no more than
// that is read: from a checkpoint whose signature and tree are checked. ErrForeign,
// ErrDamaged.
func (l *Log) Unended() (open []Record, err error) {
	if !l.exists() {
		return nil, nil
	}
	h, err := l.acquire(false)
	if err != nil {
		return nil, err
	}
	defer h.release()
	if err := h.catchUp(); err != nil || h.at.Size == 0 {
		return nil, err
	}
	for from := h.at; ; {
		if from, err = h.batchBefore(from.offset); err != nil {
			return nil, err
		}
		records, err := h.since(from)
		if err != nil {
			return nil, err
		}
		if from.Size == 0 || slices.ContainsFunc(records, func(r Record) bool { return !r.Begun() }) {
			for _, r := range records {
				open = stillOpen(open, r)
			}
			return open, nil
		}
	}
}

// batchBefore finds where the batch begins whose checkpoint ends at an offset: the end of
// the log as it was before it.
func (h *hold) batchBefore(offset int64) (from end, err error) {
	last, _, err := lastCheckpoint(h.log, offset)
	if err != nil {
		return end{}, err
	}
	b, at, err := lastCheckpoint(h.log, offset-int64(len(last))-1)
	if err != nil || b == nil {
		return end{}, err
	}
	c, err := parseCheckpoint(b, h.signer)
	if err != nil {
		return end{}, damaged(h.at.Size, "a checkpoint near its end: %v", err)
	}
	e, err := h.edgeAt(c)
	return end{c, e, at}, err
}

// edgeAt is the edge of the tree at an earlier checkpoint. It may be the file of hashes
// that is wrong.
func (h *hold) edgeAt(c Checkpoint) (edge, error) {
	if e, ok := h.storedEdge(c); ok {
		return e, nil
	}
	if _, err := h.rebuild(h.at.offset); err != nil {
		return edge{}, err
	}
	if e, ok := h.storedEdge(c); ok {
		return e, nil
	}
	return edge{}, damaged(h.at.Size, "its records up to %d are not those that were signed", c.Size)
}

// storedEdge is the edge that the file of hashes has for a checkpoint, if it does.
func (h *hold) storedEdge(c Checkpoint) (edge, bool) {
	e, err := (hashFile{h.hashes}).load(c.Size)
	if err != nil {
		return edge{}, false
	}
	root, err := e.root()
	return *e, err == nil && root == c.Root
}

// since reads the records from an earlier end to that of the log, and checks them.
func (h *hold) since(from end) (all []Record, err error) {
	w := newWalker(io.NewSectionReader(h.log, from.offset, h.at.offset-from.offset), h.signer.Name(), h.signer)
	w.edge = from.edge
	for {
		records, err := w.batch()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
}
