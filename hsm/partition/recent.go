package partition

import (
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/api"
)

// recent is what was last found in the maps of a Partition: a program uses few keys
// under one login, again and again, and to look into two maps takes as long as to
// encrypt a few bytes. Nothing is in it that is not in the maps. It is read and filled under
// p.mu for reading, and what has been used leaves the maps, and this, under p.mu for
// writing. The zero recent is empty.
type recent struct {
	user    atomic.Uint64 // an api.Identity with the role of a user, 0 for none
	entries [64]atomic.Pointer[entry]
}

// place is where an entry may be; ids are random, but that the first byte tells the lane.
func (r *recent) place(id *api.ObjectID) *atomic.Pointer[entry] {
	return &r.entries[id[1]%byte(len(r.entries))]
}

// forget is for an object that leaves the map, or is about to be another.
func (r *recent) forget(id *api.ObjectID) {
	place := r.place(id)
	if e := place.Load(); e != nil && e.id == *id {
		place.Store(nil)
	}
}

// entryOf finds an object, nil if there is none. The caller holds p.mu.
func (p *Partition) entryOf(id api.ObjectID) *entry {
	place := p.recent.place(&id)
	if e := place.Load(); e != nil && e.id == id {
		return e
	}
	e := p.held(id)
	switch {
	case e == nil:
		e = builtIns().byID[id]
	case e.key.Load() != nil: // it is in use
		place.Store(e)
	}
	return e
}
