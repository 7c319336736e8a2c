package audit

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The bounds of what a process can lose (FORMAT.md, "Uses").
const (
	MaxUses  = 10_000 // gathered until they are appended
	UseDelay = time.Second

	maxUseKinds = 512 // that differ
	usePause    = 100 * time.Millisecond

	// useTick is how early a noted time may be. Reading the clock for each use would
	// cost as much as all the rest of noting it.
	useTick = 10 * time.Millisecond
)

// Use is the use of a key. Equal ones become one record with their number.
type Use struct {
	Act       Act
	Who       string
	Object    [16]byte
	Class     ck.ObjectClass
	KeyType   ck.KeyType
	Mechanism ck.MechanismType
	Result    ck.RV
}

type useCount struct {
	n           uint64
	first, last time.Time
}

// uses gathers uses of keys. A timer that is set when the first of them comes, and
// not before, appends them; nothing runs while nothing is used.
type uses struct {
	log *Log

	mu       sync.Mutex
	kinds    map[Use]*useCount
	lastKind Use
	last     *useCount // of lastKind: most programs use one key again and again
	n        int       // in kinds
	total    uint64    // of this process
	begun    bool
	closed   bool
	timer    *time.Timer
	retry    time.Time // no try to append before this: the disk is full

	now   time.Time // as long as fresh
	fresh atomic.Bool
	tick  *time.Timer // ends fresh
}

// Use notes the use of a key. What cannot be appended, the disk being full, is kept
// and goes on being counted.
func (l *Log) Use(kind Use) {
	u := &l.uses
	u.mu.Lock()
	now := u.clock()
	if u.last == nil || kind != u.lastKind {
		u.choose(kind, now)
	}
	u.last.n++
	u.last.last = now
	u.n++
	u.total++
	if u.n == 1 {
		u.wind()
	}
	full := (u.n >= MaxUses || len(u.kinds) >= maxUseKinds) && now.After(u.retry)
	u.mu.Unlock()
	if full {
		_ = l.flush(false)
	}
}

// clock is the time, at most useTick late. The caller holds u.mu.
func (u *uses) clock() time.Time {
	if u.fresh.Load() {
		return u.now
	}
	u.now = time.Now()
	u.fresh.Store(true)
	if u.tick == nil {
		u.tick = time.AfterFunc(useTick, func() { u.fresh.Store(false) })
	} else {
		u.tick.Reset(useTick)
	}
	return u.now
}

// choose finds or makes the count of a kind. The caller holds u.mu.
func (u *uses) choose(kind Use, now time.Time) {
	if u.kinds == nil {
		u.kinds = map[Use]*useCount{}
	}
	c := u.kinds[kind]
	if c == nil {
		c = &useCount{first: now}
		u.kinds[kind] = c
	}
	u.lastKind, u.last = kind, c
}

// wind sets the timer. The caller holds u.mu.
func (u *uses) wind() {
	if u.closed {
		return
	}
	if u.timer == nil {
		u.timer = time.AfterFunc(UseDelay, func() { _ = u.log.flush(true) })
		return
	}
	u.timer.Reset(UseDelay)
}

// take empties u and returns what was in it as events.
func (u *uses) take() (events []Event, kinds map[Use]*useCount, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	kinds, n = u.kinds, u.n
	if n > 0 && !u.begun {
		events = append(events, Event{Act: UseBegin, Count: MaxUses})
		u.begun = true
	}
	for kind, c := range kinds {
		events = append(events, Event{
			Act: kind.Act, Who: kind.Who, Object: kind.Object, Class: kind.Class, KeyType: kind.KeyType, IsKey: true,
			Mechanism: kind.Mechanism, HasMechanism: true, Result: kind.Result,
			Count: c.n, First: c.first, Last: c.last,
		})
	}
	u.kinds, u.last, u.n = nil, nil, 0
	return events, kinds, n
}

// giveBack puts back what could not be appended.
func (u *uses) giveBack(kinds map[Use]*useCount, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.retry = time.Now().Add(usePause)
	if u.kinds == nil {
		u.kinds = map[Use]*useCount{}
	}
	for kind, c := range kinds {
		if now := u.kinds[kind]; now != nil {
			now.n, now.first = now.n+c.n, c.first
			continue
		}
		u.kinds[kind] = c
	}
	if u.n == 0 {
		u.wind()
	}
	u.n += n
	u.last = nil
}

// Flush appends the uses that were gathered; they are durable when it returns.
func (l *Log) Flush() error { return l.flush(true) }

func (l *Log) flush(sync bool, more ...Event) error {
	events, kinds, n := l.uses.take()
	events = append(events, more...)
	if len(events) == 0 {
		return nil
	}
	err := l.append(events, sync)
	if err != nil {
		l.uses.giveBack(kinds, n)
	}
	return err
}

// Note appends an event, and the uses before it, durably.
func (l *Log) Note(e Event) error { return l.flush(true, e) }

// Close appends what was gathered and ends the recording of uses. The Log is not used
// after that.
func (l *Log) Close() error {
	u := &l.uses
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		return nil
	}
	u.closed = true
	for _, timer := range []*time.Timer{u.timer, u.tick} {
		if timer != nil {
			timer.Stop()
		}
	}
	any := u.begun || u.n > 0
	total := u.total
	u.mu.Unlock()
	if !any {
		return nil
	}
	return errors.Join(l.flush(true, Event{Act: UseEnd, Count: total}))
}
