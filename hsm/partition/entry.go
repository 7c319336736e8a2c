package partition

import (
	"iter"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// entry is an object in this process. A token object has what is stored of it; its object
// is nil while it is private and nobody has logged in. A session object has its material
// instead; of a built-in one there is only the object.
type entry struct {
	id      api.ObjectID
	object  *object.Object
	values  [len(indexed)]uint64        // what it is found by (indexValue), if it is in the index
	*stored                             // nil if there is no record
	session api.SessionID               // of a session object: who made it
	order   uint64                      // born, or the session objects' own sequence
	key     atomic.Pointer[service.Key] // once it has been used

	material *object.Material // of a session object; key has it too

	alone         [len(indexed)]*entry // a list of this entry in the index, while it is the only one
	before, after *entry               // among the objects of the session
	fresh         uint32               // place in the shard's list of such, from 1; then it is not in the index
	gone          bool                 // a session object that was removed
}

// stored is what an entry has of its record: all but the sealed attributes.
type stored struct {
	record record
	tag    [32]byte
}

// newStored makes the entry of a record, which is put in later, in one piece of memory.
func newStored(id api.ObjectID, born uint64, tag [32]byte) *entry {
	both := &struct {
		entry
		of stored
	}{of: stored{tag: tag}}
	e := &both.entry
	e.id, e.order, e.stored = id, born, &both.of
	return e
}

// ofSession reports whether there is no record: of an object of a session, or a built-in
// one.
func (e *entry) ofSession() bool { return e.stored == nil }

// show gives an entry its object, opened or changed.
func (e *entry) show(o *object.Object) {
	e.object = o
	for i, t := range indexed {
		a, _, _ := o.Get(t)
		e.values[i] = indexValue(a.Value)
	}
}

// prepared returns the entry's key ready for use, unsealing it the first time. No use of a
// key needs its check value, which the key's object may owe: that would cost as much again.
// The caller holds p.mu at least for reading, and the object is open.
func (p *Partition) prepared(e *entry) (*service.Key, error) {
	if k := e.key.Load(); k != nil {
		return k, nil
	}
	if e.ofSession() {
		return p.preparedOfSession(e)
	}
	var m *object.Material
	if len(e.record.material) > 0 {
		sealing, err := p.rings.keyOf(&e.record)
		if err == nil {
			m, err = p.openMaterial(sealing, e.id, e.record)
		}
		if err != nil {
			return nil, err
		}
	}
	k := service.NewKey(e.object.Unpacked(), m)
	if !e.key.CompareAndSwap(nil, k) { // another thread was faster
		k.Zero()
		k = e.key.Load()
	}
	return k, nil
}

// preparedOfSession is prepared for a session object. It holds the lock of the shard, so
// that the object does not go meanwhile: one that has been used goes under p.mu for
// writing only.
func (p *Partition) preparedOfSession(e *entry) (*service.Key, error) {
	s := p.sessions.shard(&e.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.gone {
		return nil, ck.CKR_OBJECT_HANDLE_INVALID
	}
	if e.key.Load() == nil { // or another thread was faster
		e.key.Store(service.NewKey(e.object.Unpacked(), e.material))
	}
	return e.key.Load(), nil
}

// wholeWith returns an object with the check value that it owes.
func wholeWith(o *object.Object, m *object.Material) *object.Object {
	if !o.OwesCheckValue() {
		return o
	}
	value, _ := m.Get(ck.CKA_VALUE)
	return o.WithCheckValue(service.CheckValue(o.KeyType(), value))
}

// whole returns the entry's object with all its attributes. It makes no key of the entry,
// whose secret could not be wiped at once then. The caller holds p.mu at least for
// reading, and the object is open. CKR_OBJECT_HANDLE_INVALID if it has gone since.
func (p *Partition) whole(e *entry) (*object.Object, error) {
	if !e.object.OwesCheckValue() {
		return e.object, nil
	}
	s := p.sessions.shard(&e.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.gone {
		return nil, ck.CKR_OBJECT_HANDLE_INVALID
	}
	return wholeWith(e.object, e.material), nil
}

// wipe forgets the key and wipes it. Nothing may be using it: at logout and at the
// end, when no operation is left. The caller holds p.mu for writing.
func (e *entry) wipe() {
	if k := e.key.Swap(nil); k != nil {
		k.Zero()
	}
	e.material.Zero()
	e.material = nil
}

// drop forgets the key where an operation with it may still be under way: the object was
// destroyed, or another process changed it. The secret is wiped when the last operation
// has let go of it (package secret), and at once if the key has never been used. The
// caller holds p.mu for writing, or of a session object that nobody has used the lock of
// its shard and p.mu for reading.
func (e *entry) drop() {
	if k := e.key.Load(); k != nil {
		e.key.Store(nil)
		k.Abandon()
	} else {
		e.material.Zero()
	}
	e.material = nil
}

// role is what an identity may do.
type role byte

const (
	rolePublic role = 0
	roleSO          = 1 // also bound into the PIN's wrap: never renumber
	roleUser        = 2
)

// identity is a login.
type identity struct {
	account
	born string     // of the user who has logged in, if with a name
	pins []*openPIN // what the PIN opened; two while it is being changed
}

// openedBy finds what the PIN that is kept in a wrap has opened; nil if the login was by
// another one.
func (i identity) openedBy(wrap []byte) *openPIN {
	for _, o := range i.pins {
		if string(o.wrap) == string(wrap) {
			return o
		}
	}
	return nil
}

// roleOf returns what who has logged in as: a stale identity is the public.
// The caller holds p.mu.
func (p *Partition) roleOf(who api.Caller) role {
	if who.Identity == 0 {
		return rolePublic
	}
	if uint64(who.Identity) == p.recent.user.Load() {
		return roleUser
	}
	r := p.identities[who.Identity].role
	if r == roleUser {
		p.recent.user.Store(uint64(who.Identity))
	}
	return r
}

// roleNow is roleOf for who does not hold p.mu.
func (p *Partition) roleNow(who api.Caller) role {
	if who.Identity != 0 && uint64(who.Identity) == p.recent.user.Load() {
		return roleUser
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.roleOf(who)
}

// lookup finds an object that who can see. The caller holds p.mu.
func (p *Partition) lookup(who api.Caller, id api.ObjectID) (*entry, error) {
	e := p.entryOf(id)
	if e == nil || e.object == nil || !p.visible(who, e.object) {
		return nil, ck.CKR_OBJECT_HANDLE_INVALID
	}
	return e, nil
}

func (p *Partition) visible(who api.Caller, o *object.Object) bool {
	return !o.Private() || p.roleOf(who) == roleUser
}

// add puts an entry of the token into the cache; remove takes any out and drops its key.
// The caller holds p.mu for writing.
func (p *Partition) add(e *entry) {
	p.recent.forget(&e.id)
	p.objects[e.id] = e
	if e.object != nil {
		p.index.add(e)
	}
}

func (p *Partition) remove(e *entry) {
	if e.object != nil && e.fresh == 0 {
		p.index.remove(e)
	}
	if e.ofSession() {
		p.sessions.remove(e)
	} else {
		delete(p.objects, e.id)
	}
	p.recent.forget(&e.id)
	e.drop()
}

// held is the object of the token or of a session with an id, nil if there is none. The
// caller holds p.mu.
func (p *Partition) held(id api.ObjectID) *entry {
	if e := p.objects[id]; e != nil {
		return e
	}
	return p.sessions.find(id)
}

// all are the objects of the token and of sessions, in no order; objects may be removed
// meanwhile. The caller holds p.mu for writing.
func (p *Partition) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, e := range p.objects {
			if !yield(e) {
				return
			}
		}
		p.sessions.all()(yield)
	}
}
