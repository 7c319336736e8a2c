package hsm

import (
	"errors"
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// recorded does something to the home, with a record in its log before and one after.
// do may add to the event what it comes to know. The caller holds the home's lock, and
// root is the home's root key. What cannot be recorded is not done.
func (h home) recorded(root *seal.Root, e audit.Event, do func(*audit.Event) error) error {
	return h.recordedAll(root, []audit.Event{e}, func(all []audit.Event) error { return do(&all[0]) })
}

// recordedAll is recorded for several acts that are done as one.
func (h home) recordedAll(root *seal.Root, all []audit.Event, do func([]audit.Event) error) error {
	return h.withLog(root, func(l *homeLog) error {
		begun := make([]int64, len(all))
		for i, e := range all {
			var err error
			if begun[i], err = l.begin(e); err != nil {
				return err
			}
		}
		failed := do(all)
		for i := range all {
			all[i].Of, all[i].Result = begun[i], ck.Code(failed)
		}
		_ = l.Append(all...) // the acts stand; the next to append finds them without an end
		return failed
	})
}

// note records something that is one record. The caller holds the home's lock.
func (h home) note(root *seal.Root, events ...audit.Event) error {
	return h.withLog(root, func(l *homeLog) error { return logError(l.Append(events...)) })
}

// withLog runs f with the log, which is ready to be appended to. The caller holds the
// home's lock.
func (h home) withLog(root *seal.Root, f func(*homeLog) error) error {
	l, err := h.readyLog(root)
	if err != nil {
		return logError(err)
	}
	defer l.close()
	return f(l)
}

// readyLog opens the log, or makes it, and ends what others have left open. The caller
// holds the home's lock.
func (h home) readyLog(root *seal.Root) (*homeLog, error) {
	l, err := h.openLog(root)
	if errors.Is(err, ErrNoHomeLog) {
		l, err = h.makeLog(root)
	}
	if err != nil {
		return nil, err
	}
	if err := l.ready(audit.Event{Act: audit.LogBegin, Detail: "the home was made before it had a log"}); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// ready writes the first record of a log that has none, or ends what was cut off.
func (l *homeLog) ready(first audit.Event) error {
	_, any, err := l.Checkpoint()
	if err != nil {
		return err
	}
	if !any {
		return l.Append(first)
	}
	open, err := l.Unended()
	if err != nil || len(open) == 0 {
		return err
	}
	ends := make([]audit.Event, len(open))
	for i, r := range open {
		ends[i] = l.home.cutOff(r)
	}
	return l.Append(ends...)
}

// begin records that an act begins, and returns the number of that record.
func (l *homeLog) begin(e audit.Event) (int64, error) {
	e.Result = ck.CKR_PENDING
	if err := l.Append(e); err != nil {
		return 0, logError(err)
	}
	c, _, err := l.Checkpoint() // nobody else appends meanwhile
	return c.Size - 1, logError(err)
}

// shown says of an act on a slot whether the home shows that it was done. Slot 0 is that of
// a restore in the place of something (placing.go, endPlacing).
var shown = map[audit.Act]func(h home, slot ck.SlotID) bool{
	audit.PartitionCreate: home.hadPartition,
	audit.Restore: func(h home, slot ck.SlotID) bool {
		return h.has(placingName) || slot != 0 && h.hadPartition(slot)
	},
	audit.PartitionDelete: func(h home, slot ck.SlotID) bool { return !h.has(h.relative(h.partitionDir(slot))) },
}

// hadPartition reports whether there is a partition in a slot, or was one.
func (h home) hadPartition(slot ck.SlotID) bool {
	dir := h.relative(h.partitionDir(slot))
	return h.has(dir) || h.has(dir+deletedSuffix)
}

// cutOff is how an act ended whose process was killed, as far as the home shows it.
func (h home) cutOff(r audit.Record) audit.Event {
	e := audit.Event{Act: r.Act, Who: r.Who, Slot: r.Slot, Of: r.Seq, Result: ck.CKR_FUNCTION_CANCELED}
	found, ok := shown[r.Act]
	switch {
	case !ok || r.Slot == 0 && r.Act != audit.Restore:
		e.Detail = fmt.Sprintf("cut off: process %d ended before it told whether this was done", r.PID)
	case found(h, ck.SlotID(r.Slot)):
		e.Result, e.Detail = ck.CKR_OK, fmt.Sprintf("done, and then process %d was cut off", r.PID)
	default:
		e.Detail = fmt.Sprintf("not done: process %d was cut off", r.PID)
	}
	return e
}

// recorded is home.recorded for an open module. The caller holds m.mu and the lock.
func (m *Module) recorded(e audit.Event, do func(*audit.Event) error) error {
	return m.home.recorded(m.root, e, do)
}

// HomeLog gives f the home's own log, to be read: ErrNoHomeLog.
func (m *Module) HomeLog(f func(*audit.Log) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.root == nil {
		return m.home.noHome()
	}
	l, err := m.home.openLog(m.root)
	if errors.Is(err, ErrNoHomeLog) {
		return err
	}
	if err != nil {
		return logError(err)
	}
	defer l.close()
	return f(l.Log)
}

// AcceptHomeLog sets a log of the home aside that is damaged, or whose key is lost, and
// begins a new one that says why. It returns where the old one is. A log that is sound is
// refused: CKR_FUNCTION_REJECTED.
func (m *Module) AcceptHomeLog() (aside string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.root == nil {
		return "", m.home.noHome()
	}
	err = m.lockedHome(func() error {
		why := m.home.verifyLog(m.root, nil)
		switch {
		case why == nil || errors.Is(why, ErrNoHomeLog):
			return ck.Errorf(ck.CKR_FUNCTION_REJECTED, "the audit log of the home is sound: there is nothing to accept")
		case !audit.Acceptable(why):
			return logError(why)
		}
		if aside, err = m.home.setLogAside(); err != nil {
			return logError(err)
		}
		l, err := m.home.makeLog(m.root)
		if err != nil {
			return logError(err)
		}
		defer l.close()
		return logError(l.Append(audit.Event{Act: audit.Accept, Detail: fmt.Sprintf("the log before is in %s: %v", aside, why)}))
	})
	return aside, err
}

// verifyLog reads all of the home's log. report may be nil.
func (h home) verifyLog(root *seal.Root, report *audit.Report) error {
	l, err := h.openLog(root)
	if err != nil {
		return err
	}
	defer l.close()
	r, err := audit.Verify(l.Dir(), l.Verifier())
	if err == nil && report != nil {
		*report = *r
	}
	return err
}
