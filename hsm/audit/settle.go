package audit

import (
	"errors"
	"fmt"
	"io"

	"github.com/coffer-hsm/coffer/hsm/store"
)

// Check holds the log against what its store remembers, and appends what it lacks:
// ErrStoreOlder, ErrLogOlder, ErrForeign, ErrDamaged. generation is the store's. The
// caller is in a transaction of the store.
func (l *Log) Check(a Anchor, generation uint64) error {
	if a.Size == 0 && !l.exists() {
		return nil
	}
	h, err := l.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	return h.settleWith(a, generation)
}

// settleWith brings the log up to what the store remembers.
func (h *hold) settleWith(a Anchor, generation uint64) error {
	err := h.catchUp()
	if errors.Is(err, ErrDamaged) && a.Tail != "" {
		err = h.heal(a)
	}
	if err != nil {
		return err
	}
	switch {
	case h.at.Generation > generation:
		return mismatch(ErrStoreOlder, "the log tells of generation %d, the store has %d", h.at.Generation, generation)
	case h.at.Size < a.Base:
		return mismatch(ErrLogOlder, "%d records, the store knows of %d", h.at.Size, a.Size)
	case a.Size == 0 && h.at.Generation > 0:
		return mismatch(ErrForeign, "the store has none")
	}
	if err := h.redo(a); err != nil {
		return err
	}
	if err := h.has(h.at, a.Size, a.Root); err != nil {
		return err
	}
	if !h.marked() {
		return nil
	}
	return h.mark(0)
}

// redo appends the batches of the store's tail that the log lacks.
func (h *hold) redo(a Anchor) error {
	for _, lines := range a.batches() {
		if h.at.Size >= a.Size {
			return nil
		}
		b, err := h.again(lines)
		if err != nil {
			return err
		}
		if b.next.Size <= h.at.Size {
			continue
		}
		if err := h.write(b); err != nil {
			return err
		}
	}
	return nil
}

// again makes a batch of lines of the tail. One whose records are all in the log
// comes back with just its size.
func (h *hold) again(lines []byte) (*batch, error) {
	b := &batch{next: h.at}
	for rest := lines; len(rest) > 0; {
		n := indexLine(rest)
		text := rest[:n]
		rest = rest[n:]
		if isCheckpoint(text) {
			c, err := parseCheckpoint(text[:n-1], h.signer)
			if err != nil {
				return nil, err
			}
			if c.Size <= h.at.Size {
				return &batch{next: end{Checkpoint: c}}, nil
			}
			if root, err := b.next.edge.root(); err != nil || c.Root != root || c.Size != b.next.edge.size {
				return nil, mismatch(ErrForeign, "what the store has of record %d does not follow", h.at.Size)
			}
			b.end(c, text)
			return b, nil
		}
		if err := b.add(text); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: a batch in the store without a checkpoint", ErrDamaged)
}

func indexLine(b []byte) int {
	for i, c := range b {
		if c == '\n' {
			return i + 1
		}
	}
	return len(b)
}

// heal writes the store's tail over a log whose end a loss of power has spoiled:
// the same bytes in the same place. What is before the tail was synced.
func (h *hold) heal(a Anchor) error {
	w := newWalker(io.NewSectionReader(h.log, 0, h.size), h.signer.Name(), nil)
	for w.last.Size < a.Base {
		if _, err := w.next(); err != nil {
			if err == io.EOF {
				err = damaged(w.edge.size, "the log ends")
			}
			return err
		}
	}
	tail := []byte(a.Tail)
	if err := store.CheckRoom(h.log.Name(), len(tail)); err != nil {
		return err
	}
	if _, err := h.log.WriteAt(tail, w.offset); err != nil {
		return err
	}
	h.seen = false
	return h.catchUp()
}
