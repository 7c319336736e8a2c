package slots

import (
	"maps"
	"slices"

	"golang.org/x/sys/cpu"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// object is what an object handle stands for. One table has the handles of all
// tokens, so that a handle of one token means nothing in another.
type object struct {
	token *token
	id    api.ObjectID
	// offers says whether the shell may begin an operation with the object by itself
	// (deferral.go). It is read and written atomically.
	offers uint32
}

// objectTable has the handles of objects in shards by their ids, so that threads which make
// and destroy objects, each its own, do not wait for each other. The low bits of a handle
// say which shard it is in, those above which row.
type objectTable [objectShards]objectShard

const (
	objectShards    = 1 << objectShardBits
	objectShardBits = 4
	objectRows      = 1 << (32 - objectShardBits) // of one shard, at the most
)

// objectShard is kept apart from the next one: their locks would wait for each other in the
// caches of the processors.
type objectShard struct {
	table[object]
	_ cpu.CacheLinePad
}

// full reports whether there is no handle for one more. The caller holds mu.
func (s *objectShard) full() bool { return s.used == objectRows && len(s.free) == 0 }

// handles finds the handle that an object of one token already has: an object
// has the same handle in all sessions, for as long as the application can see it.
// The lock of the shard of App.objects guards the map of the same number, so that a handle
// comes and goes under one.
type handles [objectShards]map[api.ObjectID]ck.ObjectHandle

// shardOf is the number of the shard of an object; ids are random, or have in the first byte
// what those that are made on one session share.
func shardOf(id *api.ObjectID) int { return int(id[0] % objectShards) }

// outside is the handle of an object whose handle in its shard is h.
func outside(shard int, h uint64) ck.ObjectHandle {
	row := uint32(h)<<objectShardBits | uint32(shard)
	return ck.ObjectHandle(h>>32<<32 | uint64(row))
}

// inside is the opposite of outside.
func inside(h ck.ObjectHandle) (shard int, of uint64) {
	row := uint32(h)
	return int(row % objectShards), uint64(h)>>32<<32 | uint64(row>>objectShardBits)
}

// get returns what h stands for, nil if that is nothing.
func (t *objectTable) get(h ck.ObjectHandle) *object {
	shard, of := inside(h)
	return t[shard].get(of)
}

// handles lists those of a token.
func (a *App) handles(t *token) (all []ck.ObjectHandle) {
	for i := range a.objects {
		all = append(all, a.handlesIn(i, t)...)
	}
	return all
}

func (a *App) handlesIn(shard int, t *token) []ck.ObjectHandle {
	s := &a.objects[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(t.handles[shard]))
}

// object returns what h stands for in t; ok is false if that is nothing.
func (a *App) object(t *token, h ck.ObjectHandle) (id api.ObjectID, ok bool) {
	o := a.objects.get(h)
	if o == nil || o.token != t {
		return id, false
	}
	return o.id, true
}

// oldHandle returns the handle that an object of t has, if it has one.
func (a *App) oldHandle(t *token, id api.ObjectID) (h ck.ObjectHandle, ok bool) {
	i := shardOf(&id)
	s := &a.objects[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok = t.handles[i][id]
	return h, ok
}

// newHandle is oldHandle of an object that hardly has one yet, and gets it then:
// CKR_HOST_MEMORY if its shard is full. Memory is taken before the lock, under which the
// collector may stop whoever asks for some.
func (a *App) newHandle(t *token, id api.ObjectID) (ck.ObjectHandle, error) {
	i := shardOf(&id)
	s, e := &a.objects[i], &entry[object]{value: object{token: t, id: id}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, ok := t.handles[i][id]; ok { // another thread was faster
		return h, nil
	}
	if s.full() {
		return 0, ck.CKR_HOST_MEMORY
	}
	if t.handles[i] == nil {
		t.handles[i] = map[api.ObjectID]ck.ObjectHandle{}
	}
	h := outside(i, s.enter(e))
	t.handles[i][id] = h
	return h, nil
}

// forget makes h invalid.
func (a *App) forget(h ck.ObjectHandle) {
	i, of := inside(h)
	s := &a.objects[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.remove(of); o != nil {
		delete(o.token.handles[i], o.id)
	}
}

// made gives a handle to an object that a call on s has just made. The session
// remembers it: when it is closed, its session objects are gone. An object that gets no
// handle is destroyed, as nobody could name it.
func (a *App) made(s *session, id api.ObjectID, err error) (ck.ObjectHandle, error) {
	if err != nil {
		return 0, err
	}
	h, err := a.newHandle(s.token, id)
	if err != nil {
		_ = s.token.partition.DestroyObject(s.caller(), id) // the first error is what is told
		return 0, err
	}
	if len(s.made) == cap(s.made) {
		s.made = a.tidy(s.made)
	}
	s.made = append(s.made, h)
	return h, nil
}

// madeAll is made of the keys that one call has made, the public one of a pair first: either
// each has a handle or none is left. ids is madeAll's.
func (a *App) madeAll(s *session, ids []api.ObjectID) (handles [2]ck.ObjectHandle, err error) {
	for i, id := range ids {
		if handles[i], err = a.made(s, id, nil); err != nil {
			for _, other := range slices.Delete(ids, i, i+1) {
				_ = s.token.partition.DestroyObject(s.caller(), other)
			}
			for _, h := range handles[:i] {
				a.forget(h)
			}
			return [2]ck.ObjectHandle{}, err
		}
	}
	return handles, nil
}

// tidy drops the handles from a full list that have been forgotten, so that a
// session may make and destroy keys for ever, and gives it room for as many
// again as are left.
func (a *App) tidy(list []ck.ObjectHandle) []ck.ObjectHandle {
	list = slices.DeleteFunc(list, func(h ck.ObjectHandle) bool { return a.objects.get(h) == nil })
	return slices.Grow(list, len(list)+1)
}
