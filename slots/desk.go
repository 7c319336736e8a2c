package slots

import (
	"slices"
	"sync"

	"golang.org/x/sys/cpu"
)

// desk is where sessions of a token are opened, and closed again. A token has several, so
// that threads which do so for every operation do not wait for each other: at one desk for
// all, a thread that loses its processor while it has the lock stops the rest.
//
// A session is at one desk from when it is opened until it is closed. At which is a matter
// of speed alone.
type desk struct {
	mu       sync.Mutex       // guards what follows
	sessions roll             // that are open
	open     int32            // how many
	readOnly int32            // how many of those
	idle     [4]roll          // closed ones, to be used again, by kindOf
	_        cpu.CacheLinePad // the locks of two desks would wait for each other in the caches
}

// desks are those of a token. Who has more than one of them locked has all.
type desks [deskCount]desk

const (
	deskCount = 1 << deskBits
	deskBits  = 4
)

// of is the desk for whoever near stands for. Numbers that have equal distances, as the
// stacks of threads have, are spread by multiplication with the golden section of the word
// (Knuth, The Art of Computer Programming, 6.4), those of usual stacks the best without
// their two lowest bits.
func (all *desks) of(near uint64) *desk {
	return &all[near>>2*0x9e3779b97f4a7c15>>(64-deskBits)]
}

// give takes a closed session away from a desk that has one to spare, nil if there is
// none or the desks are busy. The caller has one desk locked, and so waits for no other.
func (all *desks) give(kind int) *session {
	for i := range all {
		if d := &all[i]; d.mu.TryLock() {
			s := d.idle[kind].take()
			d.mu.Unlock()
			if s != nil {
				return s
			}
		}
	}
	return nil
}

func (all *desks) lock() {
	for i := range all {
		all[i].mu.Lock()
	}
}

func (all *desks) unlock() {
	for i := range all {
		all[i].mu.Unlock()
	}
}

// pass waits for those who are at a desk now.
func (all *desks) pass() {
	all.lock()
	all.unlock()
}

// count is how many sessions there are, and how many of them are read-only. All desks are
// locked, here and in sessions.
func (all *desks) count() (open, readOnly int) {
	for i := range all {
		open += int(all[i].open)
		readOnly += int(all[i].readOnly)
	}
	return open, readOnly
}

func (all *desks) sessions() (list []*session) {
	for i := range all {
		list = slices.AppendSeq(list, all[i].sessions.all())
	}
	return list
}

// deserted reports whether no session of t is open. Of two who close the last ones at two
// desks it tells one so at least. Unless all desks are locked it may be over at once.
func (a *App) deserted(t *token) bool {
	if s := t.witness.Load(); s != nil && s.entry.handle.Load() != 0 {
		return false
	}
	s := a.sessions.find(func(s *session) bool { return s.token == t })
	if s != nil {
		t.witness.Store(s)
	}
	return s == nil
}
