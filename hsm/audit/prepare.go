package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Pending is a batch whose act is about to be committed. The log is locked until
// Done.
type Pending struct {
	hold   *hold
	batch  *batch
	anchor Anchor
	aside  string
}

// Prepare makes the records of an act, in its transaction: a is what the store
// remembers, generation what the transaction will make; the caller is the store's only
// writer. The caller puts Pending.Anchor into the store, commits, and calls Done. An
// error is one of Settle, or of the disk; nothing has changed then.
func (l *Log) Prepare(a Anchor, generation uint64, events []Event) (*Pending, error) {
	return l.prepare(a, generation, events, func(h *hold) error { return h.settleWith(a) })
}

// PrepareAccept is Prepare for a log that Misfit is about: from now on it and the
// store belong together. A log that is another's, or damaged, wherever, is set aside, and a
// new one begins with events, the first an Accept. why is what Misfit answers.
func (l *Log) PrepareAccept(a Anchor, generation uint64, events []Event, why error) (*Pending, error) {
	aside := ""
	p, err := l.prepare(a, generation, events, func(h *hold) (err error) {
		aside, err = h.accept(a, generation, errors.Is(why, ErrDamaged))
		return err
	})
	if p != nil {
		p.aside = aside
	}
	return p, err
}

func (l *Log) prepare(a Anchor, generation uint64, events []Event, ready func(*hold) error) (*Pending, error) {
	h, err := l.acquire(true)
	if err != nil {
		return nil, err
	}
	p := &Pending{hold: h}
	if err = ready(h); err == nil {
		p.batch, err = h.build(events, generation)
	}
	if err == nil {
		p.anchor, err = h.follow(a, p.batch)
	}
	if err == nil {
		err = h.setMark(newMark(generation))
	}
	if err != nil {
		h.release()
		return nil, err
	}
	return p, nil
}

// follow is what the store is to remember after a batch. Where a new tail begins, all
// that is before it is made durable.
func (h *hold) follow(a Anchor, b *batch) (Anchor, error) {
	next := Anchor{Size: b.next.Size, Root: b.next.Root, Base: a.Base, Tail: a.Tail + string(b.lines), Uses: a.Uses, Generation: b.next.Generation}
	if a.Size == h.at.Size && a.Root == h.at.Root && len(next.Tail) <= maxTail {
		return next, nil
	}
	next.Base, next.Tail = h.at.Size, string(b.lines)
	if next.Base == 0 {
		return next, nil
	}
	return next, h.sync()
}

// Aside is where PrepareAccept has put the log that was there; empty if that goes on.
func (p *Pending) Aside() string { return p.aside }

// Anchor is what the store is to remember.
func (p *Pending) Anchor() Anchor { return p.anchor }

// SetUses switches the recording of uses.
func (p *Pending) SetUses(on bool) { p.anchor.Uses = on }

// Done ends it: err is what the commit returned. After a commit the batch is
// appended; that this may fail does no harm, for the store has it. To end nil does
// nothing.
func (p *Pending) Done(err error) {
	if p == nil {
		return
	}
	defer p.hold.release()
	switch {
	case errors.Is(err, store.ErrUncertain): // whoever settles will know
		return
	case err == nil && p.hold.write(p.batch) != nil:
		return
	}
	_ = p.hold.setMark(mark{})
}

// accept makes the log one that can be appended to, whatever it and the store say, and
// returns where the one before is if that does not go on.
func (h *hold) accept(a Anchor, generation uint64, damaged bool) (aside string, err error) {
	h.seen = false
	err = h.catchUp()
	if err == nil && !damaged && (h.at.Size < a.Size || h.has(h.at, a.Size, a.Root) == nil) {
		h.at.Generation = 0
		return "", nil
	}
	if err != nil && !Acceptable(err) {
		return "", err
	}
	suffix := fmt.Sprintf(".aside-%d", generation)
	for _, name := range []string{logName, hashesName, tornName} {
		from := filepath.Join(h.dir, name)
		if err := private.Rename(from, from+suffix); err != nil && !os.IsNotExist(err) {
			return "", err
		}
	}
	for _, f := range []**os.File{&h.log, &h.hashes} {
		(*f).Close()
		*f = nil
	}
	if h.log, err = h.private(logName); err != nil {
		return "", err
	}
	if h.hashes, err = h.private(hashesName); err != nil {
		return "", err
	}
	h.at = end{Checkpoint: Checkpoint{Name: h.signer.Name()}}
	h.size, h.cut, h.named = 0, 0, false
	return filepath.Join(h.dir, logName) + suffix, nil
}
