package audit

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/store"
)

// WithStore says how to see what the store remembers: a transaction that reads. It is called without any lock of the log's.
func (l *Log) WithStore(view func() (Anchor, error)) { l.view = view }

// settleTries is how often a log that others go on with is looked at again.
const settleTries = 100

// Settle holds the log against what its store remembers, and appends what it lacks:
// ErrStoreOlder, ErrLogOlder, ErrForeign, ErrDamaged, ErrUnwritten.
//
// What the store says may be outdated by the time that the log is locked. So what
// seems wrong is looked at again with what the store says after the log was seen.
func (l *Log) Settle() error {
	var seen snapshot
	for range settleTries {
		a, err := l.view()
		if err != nil {
			return err
		}
		if a.Size == 0 && !l.exists() {
			return nil
		}
		done, err := l.settleOnce(a, &seen)
		if done || err != nil {
			return err
		}
	}
	return errUnsettled
}

// snapshot is what of a log was seen under its lock, before the store was asked.
type snapshot struct {
	generation uint64
	mark       mark
}

func (l *Log) settleOnce(a Anchor, seen *snapshot) (done bool, err error) {
	h, err := l.acquire(false)
	if err != nil {
		return false, err
	}
	defer h.release()
	m := h.marked()
	err = h.settleWith(a)
	if errors.Is(err, ErrStoreOlder) && h.at.Generation > seen.generation {
		seen.generation = h.at.Generation
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if m != seen.mark && m != (mark{}) { // its process is dead: the store's next word is final
		seen.mark = m
		return false, nil
	}
	return true, h.setMark(mark{})
}

// settleWith brings the log up to what the store remembers.
func (h *hold) settleWith(a Anchor) error {
	err := h.catchUp()
	switch {
	case errors.Is(err, ErrDamaged) && a.Tail != "":
		err = h.heal(a)
	case errors.Is(err, ErrLogOlder) && h.begunInStore(a):
		h.at, h.cut, h.named, err = end{Checkpoint: Checkpoint{Name: h.signer.Name()}}, 0, false, nil
	}
	if err != nil {
		return err
	}
	switch {
	case a.Size == 0 && h.at.Generation > 0:
		return mismatch(ErrForeign, "the store has none")
	case h.at.Generation > a.Generation: // however many generations a store has made since it was put back
		return mismatch(ErrStoreOlder, "the log tells of generation %d, the store recorded %d last", h.at.Generation, a.Generation)
	case h.at.Size < a.Base:
		return mismatch(ErrLogOlder, "%d records, the store knows of %d", h.at.Size, a.Size)
	}
	if err := h.redo(a); err != nil {
		return err
	}
	return h.has(h.at, a.Size, a.Root)
}

// begunInStore reports whether a log was begun anew of which only the store has anything:
// who began it was killed before it was written.
func (h *hold) begunInStore(a Anchor) bool {
	_, offset, err := lastCheckpoint(h.log, h.size)
	return err == nil && offset == 0 && h.begunAnew(strings.NewReader(a.Tail), a.Root)
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
			return unwritten(err)
		}
	}
	return nil
}

// unwritten marks the error of a batch that was found to follow the log and has no room.
func unwritten(err error) error {
	if store.NoRoom(err) {
		return fmt.Errorf("%w: %w", ErrUnwritten, err)
	}
	return err
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
