package hsm

import (
	"errors"
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"golang.org/x/mod/sumdb/tlog"
)

// Counter is something outside the home that only counts up, such as a counter of a TPM.
type Counter interface {
	Name() string           // for people
	Make() (uint64, error)  // makes it if there is none, and reads it
	Value() (uint64, error) // reads it
	Increment() error       // adds one
}

var (
	// ErrOlderHome is for a home that is older than when it was anchored last.
	ErrOlderHome = errors.New("the home is an older copy")
	// ErrNotAnchored is for a home that never was.
	ErrNotAnchored = errors.New("the home was never anchored")
	// ErrOtherCounter is for a counter that is behind the home.
	ErrOtherCounter = errors.New("the counter is another one than the home was anchored with, or was made anew")
)

// Anchor binds the home, as it is now, to a counter, which is called like the home's log:
// the heads of all logs and the next value of the counter become records, and then the
// counter counts (hsm/audit/FORMAT.md, "The anchor"). It returns that value.
func (m *Module) Anchor(counter func(log string) Counter) (value uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refresh(); err != nil {
		return 0, err
	}
	if m.root == nil {
		return 0, homeError("there is no home at %s yet: make one first", m.home.dir)
	}
	err = m.lockedHome(func() error {
		return m.home.withLog(m.root, func(l *homeLog) error {
			events, err := m.heads()
			if err != nil {
				return err
			}
			c := counter(l.Name())
			now, err := c.Make()
			if err != nil {
				return err
			}
			value = now + 1
			events = append(events, audit.Event{Act: audit.Anchored, Count: value, Detail: c.Name()})
			if err := l.Append(events...); err != nil {
				return logError(err)
			}
			return c.Increment()
		})
	})
	return value, err
}

// heads are the heads of the partitions' logs, as events. The caller holds m.mu.
func (m *Module) heads() (events []audit.Event, err error) {
	for slot, p := range m.partitions {
		l := p.Log()
		if p.Err() != nil || l == nil {
			continue
		}
		c, any, err := l.Checkpoint()
		if err != nil {
			return nil, homeError("slot %d: %w", slot, err)
		}
		if any {
			events = append(events, audit.Event{Act: audit.Head, Slot: uint64(slot), Detail: headText(c)})
		}
	}
	return events, nil
}

const headForm = "%s %d %s"

func headText(c audit.Checkpoint) string { return fmt.Sprintf(headForm, c.Name, c.Size, c.Root) }

// parseHead reads what headText wrote.
func parseHead(text string) (c audit.Checkpoint, err error) {
	var root string
	if _, err := fmt.Sscanf(text, headForm, &c.Name, &c.Size, &root); err != nil {
		return c, err
	}
	c.Root, err = tlog.ParseHash(root)
	return c, err
}

// VerifyAnchor holds the home's log against the counter that it was anchored with last,
// and returns the heads that the partitions' logs had then: they have to continue them.
// It changes nothing: ErrOlderHome, ErrNotAnchored, ErrOtherCounter, or the counter's.
func (m *Module) VerifyAnchor(counter func(log string) Counter) (heads []audit.Checkpoint, value uint64, err error) {
	err = m.HomeLog(func(l *audit.Log) error {
		var failed error // the counter is read before the log: others may be anchoring
		value, failed = counter(l.Name()).Value()
		if _, err := audit.Verify(l.Dir(), l.Verifier()); err != nil {
			return logError(err)
		}
		var last uint64
		if heads, last, err = anchored(l.Dir()); err != nil {
			return logError(err)
		}
		return compareAnchor(last, value, failed)
	})
	return heads, value, err
}

// compareAnchor holds the last value in the log against the counter's. The log may be one
// ahead: the process was killed before it let the counter count.
func compareAnchor(last, value uint64, err error) error {
	switch {
	case err != nil && last == 0:
		return ck.Errorf(ck.CKR_DEVICE_ERROR, "%w: %w", ErrNotAnchored, err)
	case err != nil:
		return err
	case last < value:
		return ck.Errorf(ck.CKR_DEVICE_ERROR, "%w: its log was anchored at %d, and the counter is at %d", ErrOlderHome, last, value)
	case last > value+1:
		return ck.Errorf(ck.CKR_DEVICE_ERROR, "%w: the log was anchored at %d, and it is at %d", ErrOtherCounter, last, value)
	}
	return nil
}

// anchored reads the last anchor in a log: its value, 0 if there is none, and the heads.
func anchored(dir string) (heads []audit.Checkpoint, value uint64, err error) {
	var next []audit.Checkpoint
	for r, err := range audit.Read(dir, 0) {
		if err != nil {
			return nil, 0, err
		}
		switch r.Act {
		case audit.Head:
			c, err := parseHead(r.Detail)
			if err != nil {
				return nil, 0, err
			}
			next = append(next, c)
		case audit.Anchored:
			heads, value, next = next, r.Count, nil
		}
	}
	return heads, value, nil
}
