package partition

import (
	"iter"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/object"
)

// sessionObjects are the objects of sessions, which no other process knows. Many programs
// make a key, use it once and destroy it, in many threads, so that these must not wait
// for each other: an object comes under p.mu for reading, and so goes one that nobody has
// found or used, each under the lock of its shard. Who holds p.mu for writing has all of
// them to itself; the methods for that say so. The zero sessionObjects is empty.
type sessionObjects struct {
	shards [sessionShards]sessionShard // by the lane of the object
	owners [sessionShards]sessionOwner // by the number of the session
	order  atomic.Uint64               // of the newest

	// unsearched has a bit for each shard that may have fresh objects. Few write it: it
	// stays set until somebody searches.
	unsearched atomic.Uint32
}

const sessionShards = object.Lanes

// laneOf is the lane of what who makes: a thread that makes and destroys the objects of its
// own session takes the locks of one shard, where no other one is, even one that sleeps
// with a lock in its hand.
func laneOf(who api.Caller) uint8 { return uint8(who.Session % object.Lanes) }

// sessionShard is kept apart from the next one, as a sessionOwner is: their locks would wait
// for each other in the caches of the processors.
type sessionShard struct {
	mu      sync.Mutex
	objects map[api.ObjectID]*entry
	// fresh are those that nobody has searched since they were made: they go into the
	// index when somebody does, and most of them never.
	fresh []*entry
	_     cpu.CacheLinePad
}

// sessionOwner has the objects of some sessions in lists, the newest of each first.
type sessionOwner struct {
	mu     sync.Mutex
	newest map[api.SessionID]*entry
	_      cpu.CacheLinePad
}

func (s *sessionObjects) shard(id *api.ObjectID) *sessionShard {
	return &s.shards[object.LaneOf(id)]
}

func (s *sessionObjects) owner(id api.SessionID) *sessionOwner {
	return &s.owners[uint64(id)%sessionShards]
}

// add puts in an object that has just been made. The caller holds p.mu for reading.
func (s *sessionObjects) add(e *entry) {
	e.order = s.order.Add(1)
	s.owner(e.session).add(e)
	s.shard(&e.id).add(e)
	if bit := uint32(1) << object.LaneOf(&e.id); s.unsearched.Load()&bit == 0 {
		s.unsearched.Or(bit)
	}
}

func (s *sessionShard) add(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		s.objects = map[api.ObjectID]*entry{}
	}
	s.objects[e.id] = e
	s.fresh = append(s.fresh, e)
	e.fresh = uint32(len(s.fresh))
}

// find returns an object, nil if there is none. The caller holds p.mu for reading.
func (s *sessionObjects) find(id api.ObjectID) *entry {
	shard := s.shard(&id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return shard.objects[id]
}

// remove takes out an object. The caller holds the lock of the object's shard and p.mu for
// reading, or p.mu for writing.
func (s *sessionObjects) remove(e *entry) {
	shard := s.shard(&e.id)
	delete(shard.objects, e.id)
	if e.fresh != 0 {
		end := len(shard.fresh) - 1
		last := shard.fresh[end]
		shard.fresh[e.fresh-1], last.fresh = last, e.fresh
		shard.fresh[end], shard.fresh = nil, shard.fresh[:end]
		e.fresh = 0
	}
	e.gone = true
	s.owner(e.session).remove(e)
}

func (o *sessionOwner) add(e *entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.newest == nil {
		o.newest = map[api.SessionID]*entry{}
	}
	e.before = o.newest[e.session]
	if e.before != nil {
		e.before.after = e
	}
	o.newest[e.session] = e
}

func (o *sessionOwner) remove(e *entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e.after != nil {
		e.after.before = e.before
	} else {
		o.newest[e.session] = e.before
	}
	if e.before != nil {
		e.before.after = e.after
	}
	e.before, e.after = nil, nil
}

// newestOf is the object that a session made last and that is still there, nil if there is
// none; made says whether it ever made one, until forget.
func (s *sessionObjects) newestOf(id api.SessionID) (e *entry, made bool) {
	o := s.owner(id)
	o.mu.Lock()
	defer o.mu.Unlock()
	e, made = o.newest[id]
	return e, made
}

// forget is for a session that is closed, and whose objects are gone.
func (s *sessionObjects) forget(id api.SessionID) {
	o := s.owner(id)
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.newest, id)
}

// all are the objects, in no order; objects may be removed meanwhile. The caller holds
// p.mu for writing.
func (s *sessionObjects) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for i := range s.shards {
			for _, e := range s.shards[i].objects {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// takeFresh returns the objects that are fresh, in no order, which are it no more. The
// caller holds p.mu for writing and puts them into the index.
func (s *sessionObjects) takeFresh() (all []*entry) {
	marked := s.unsearched.Swap(0)
	for i := range s.shards {
		if marked&(1<<i) == 0 {
			continue
		}
		fresh := s.shards[i].fresh
		for _, e := range fresh {
			e.fresh = 0
			e.show(e.object)
		}
		all = append(all, fresh...)
		clear(fresh)
		s.shards[i].fresh = fresh[:0]
	}
	return all
}
