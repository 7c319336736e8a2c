package partition

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/service"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// CreateObject is C_CreateObject.
func (p *Partition) CreateObject(who api.Caller, tmpl ck.Template) (api.ObjectID, error) {
	n, err := p.preparePair(who, tmpl)
	if err != nil {
		return api.ObjectID{}, err
	}
	return n.object.ID(), p.insert(who, audit.Create, n)
}

// completed checks the material of a key that comes from outside and computes
// what follows from it. Objects that are not keys have nothing to complete.
// Secret keys are made in room.
func completed(tmpl ck.Template, room *service.Room) (made ck.Template, err error) {
	class, ok := tmpl.Ulong(ck.CKA_CLASS)
	if !ok {
		return nil, ck.CKR_TEMPLATE_INCOMPLETE
	}
	switch ck.ObjectClass(class) {
	case ck.CKO_PUBLIC_KEY, ck.CKO_PRIVATE_KEY, ck.CKO_SECRET_KEY, ck.CKO_DOMAIN_PARAMETERS:
	default:
		return nil, nil
	}
	kt, ok := tmpl.Ulong(ck.CKA_KEY_TYPE)
	if !ok {
		return nil, ck.CKR_TEMPLATE_INCOMPLETE
	}
	if ck.ObjectClass(class) != ck.CKO_PRIVATE_KEY {
		return room.Complete(ck.ObjectClass(class), ck.KeyType(kt), tmpl)
	}
	secret.Do(func() { made, err = service.Complete(ck.CKO_PRIVATE_KEY, ck.KeyType(kt), tmpl) })
	return made, err
}

// mayCreate checks what can be told from a template alone, before any work is
// done, and reports whether the caller is the SO. newObject checks the rest.
func (p *Partition) mayCreate(who api.Caller, tmpl ck.Template) (so bool, err error) {
	if err := p.sync(); err != nil {
		return false, err
	}
	r := p.roleNow(who)
	if token, _ := tmpl.Bool(ck.CKA_TOKEN); token && !who.ReadWrite {
		return false, ck.CKR_SESSION_READ_ONLY
	}
	if private, _ := tmpl.Bool(ck.CKA_PRIVATE); private && r != roleUser {
		return false, ck.CKR_USER_NOT_LOGGED_IN
	}
	return r == roleSO, nil
}

// maker finds a mechanism that makes keys, as has says, and checks who may create objects
// of each template by it: mechanism, then rights, before anything is computed. so is that
// the SO makes them.
func (p *Partition) maker(who api.Caller, m *ck.Mechanism, has func(*service.Mechanism) bool, tmpls ...ck.Template) (found *service.Mechanism, so bool, err error) {
	found, err = mechanismOf(m)
	if err == nil && !has(found) {
		err = ck.CKR_MECHANISM_INVALID
	}
	for i := 0; i < len(tmpls) && err == nil; i++ {
		so, err = p.mayCreate(who, tmpls[i])
	}
	return found, so, err
}

// newObject makes one object of a request.
func (p *Partition) newObject(who api.Caller, r object.Request) (api.ObjectID, error) {
	r.Lane = laneOf(who)
	n, err := p.newPair(r)
	if err != nil {
		return api.ObjectID{}, err
	}
	return n.object.ID(), p.insert(who, made[r.Origin], n)
}

// newPair is newObject short of putting it anywhere.
func (p *Partition) newPair(r object.Request) (pair, error) {
	o, m, err := object.New(r)
	if err != nil {
		return pair{}, err
	}
	if o, err = p.checkMade(o, &r); err != nil {
		m.Zero()
		return pair{}, err
	}
	p.forms.Keep(&r, o)
	return pair{o, m}, nil
}

// pair is an object and its secret, nil if it has none.
type pair struct {
	object   *object.Object
	material *object.Material
}

// insert takes over new objects: all of them or none. Token objects are durable
// when it returns, and so is the record of the act that made them.
func (p *Partition) insert(who api.Caller, act audit.Act, pairs ...pair) error {
	done, err := p.insertSession(who, pairs)
	switch {
	case err != nil:
		zeroPairs(pairs)
	case !done:
		err = p.insertTold(who, act, nil, slices.Clone(pairs)) // pairs itself takes no memory so
	}
	return err
}

// insertTold is insert with events that come before those of the objects. It tells of
// nothing if all are session objects.
func (p *Partition) insertTold(who api.Caller, act audit.Act, before []audit.Event, pairs []pair) error {
	done, err := p.insertSession(who, pairs)
	if done {
		return nil
	}
	if err == nil {
		err = p.insertToken(who, append(before, p.eventsOf(who, act, pairs)...), pairs)
	}
	zeroPairs(pairs) // a token object's secret is unsealed again on first use
	if err != nil {
		return err
	}
	return p.sync()
}

// mayInsert holds finished objects against the caller's rights and reports whether
// there is a token object among them.
// The caller holds p.mu.
func (p *Partition) mayInsert(who api.Caller, pairs []pair) (token bool, err error) {
	r := p.roleOf(who)
	for _, n := range pairs {
		if n.object.Token() && !who.ReadWrite {
			return false, ck.CKR_SESSION_READ_ONLY
		}
		if n.object.Private() && r != roleUser {
			return false, ck.CKR_USER_NOT_LOGGED_IN
		}
		token = token || n.object.Token()
	}
	return token, nil
}

// insertSession does all that session objects need; it does nothing if there is a
// token object among them. The right to make them is checked under the same lock,
// so that no private object is made after a logout, and no search finds some of them.
func (p *Partition) insertSession(who api.Caller, pairs []pair) (done bool, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	token, err := p.mayInsert(who, pairs)
	if token || err != nil {
		return false, err
	}
	for _, n := range pairs {
		p.addSession(who, n)
	}
	return true, nil
}

// addSession caches a session object. The caller holds p.mu for reading.
func (p *Partition) addSession(who api.Caller, n pair) {
	p.sessions.add(&entry{id: n.object.ID(), object: n.object, material: n.material, session: who.Session})
}

// insertToken seals token objects and commits them in one transaction. A session
// object among them (one half of a key pair may be) is cached before, under the lock
// that its right was checked under, so that a logout in between destroys it like any
// other; it goes if the transaction fails.
func (p *Partition) insertToken(who api.Caller, events []audit.Event, pairs []pair) error {
	if err := p.cacheSessionHalves(who, pairs); err != nil {
		return err
	}
	err := p.update(func(w *writer) error {
		w.events = events
		for _, n := range pairs {
			if !n.object.Token() {
				continue
			}
			if err := w.putObject(n, w.tx.Generation()); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range pairs {
		if e := p.sessions.find(n.object.ID()); e != nil {
			p.remove(e)
		}
	}
	return err
}

// eventsOf says that token objects were made.
func (p *Partition) eventsOf(who api.Caller, act audit.Act, pairs []pair) (events []audit.Event) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, n := range pairs {
		if n.object.Token() {
			events = append(events, p.eventOf(who, act, n.object))
		}
	}
	return events
}

func (p *Partition) cacheSessionHalves(who api.Caller, pairs []pair) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if _, err := p.mayInsert(who, pairs); err != nil {
		return err
	}
	for _, n := range pairs {
		if n.object.Token() {
			continue
		}
		if n.material != nil {
			n.material = n.material.Clone() // insert wipes the first
		}
		p.addSession(who, n)
	}
	return nil
}

// putObject seals and writes one object.
func (w *writer) putObject(n pair, born uint64) error {
	ring := w.rings.of(n.object.Private())
	if !ring.open() {
		return ck.CKR_USER_NOT_LOGGED_IN
	}
	r, err := w.p.sealObject(ring, n.object, n.material, born, w.tx.Generation())
	if err != nil {
		return err
	}
	return w.put(store.ID(n.object.ID()), r.encode())
}

// CopyObject is C_CopyObject.
func (p *Partition) CopyObject(who api.Caller, id api.ObjectID, tmpl ck.Template) (api.ObjectID, error) {
	so, err := p.mayCreate(who, tmpl)
	if err != nil {
		return api.ObjectID{}, err
	}
	o, m, err := p.copyOf(who, id, tmpl, so)
	if err != nil {
		return api.ObjectID{}, err
	}
	return o.ID(), p.insert(who, audit.Copy, pair{o, m})
}

func (p *Partition) copyOf(who api.Caller, id api.ObjectID, tmpl ck.Template, so bool) (*object.Object, *object.Material, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, err := p.lookup(who, id)
	if err != nil {
		return nil, nil, err
	}
	k, err := p.prepared(e)
	if err != nil {
		return nil, nil, err
	}
	c, m, err := wholeWith(k.Object, k.Material).Copy(tmpl, k.Material, so)
	if err != nil {
		return nil, nil, err
	}
	if err := p.changed(e.object, c, so); err != nil {
		m.Zero()
		return nil, nil, err
	}
	return c, m, nil
}

// DestroyObject is C_DestroyObject.
func (p *Partition) DestroyObject(who api.Caller, id api.ObjectID) error {
	if err := p.sync(); err != nil {
		return err
	}
	done, err := p.destroyUnused(who, id)
	if !done && err == nil {
		done, err = p.destroySession(who, id)
	}
	if done || err != nil {
		return err
	}
	return p.destroyToken(who, id)
}

// destroyToken destroys a token object, which who may.
func (p *Partition) destroyToken(who api.Caller, id api.ObjectID) error {
	event, err := p.eventAbout(who, audit.Destroy, id)
	if err != nil {
		return err
	}
	err = p.update(func(w *writer) error {
		w.note(event)
		return w.delete(store.ID(id))
	})
	if err != nil {
		return err
	}
	return p.sync()
}

// destroySession holds the destruction of any object against the caller's rights, and
// does it for a session object.
func (p *Partition) destroySession(who api.Caller, id api.ObjectID) (done bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := p.lookup(who, id)
	if err != nil {
		return false, err
	}
	if err := mayDestroy(who, e); err != nil || !e.ofSession() {
		return false, err
	}
	p.remove(e)
	return true, nil
}

// destroyUnused is destroySession for a session object that nobody has found or used: it
// has only to go from its shard. Whoever would use it now waits for that.
func (p *Partition) destroyUnused(who api.Caller, id api.ObjectID) (done bool, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := p.sessions.shard(&id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.objects[id]
	if e == nil || e.fresh == 0 || e.key.Load() != nil || !p.visible(who, e.object) {
		return false, nil
	}
	if err := mayDestroy(who, e); err != nil {
		return false, err
	}
	p.sessions.remove(e)
	e.drop()
	return true, nil
}

func mayDestroy(who api.Caller, e *entry) error {
	if e.object.Token() && !who.ReadWrite {
		return ck.CKR_SESSION_READ_ONLY
	}
	if !e.object.Bool(ck.CKA_DESTROYABLE) {
		return ck.CKR_ACTION_PROHIBITED
	}
	return nil
}

// CloseSession destroys the session's own objects.
func (p *Partition) CloseSession(s api.SessionID) {
	newest, made := p.sessions.newestOf(s)
	if newest != nil { // most have none, and need not wait
		p.removeOf(s)
	}
	if made {
		p.sessions.forget(s)
	}
}

// removeOf removes the objects of a session.
func (p *Partition) removeOf(s api.SessionID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e, _ := p.sessions.newestOf(s); e != nil; e, _ = p.sessions.newestOf(s) {
		p.remove(e)
	}
}

// openRecord opens both parts of a record.
func (w *writer) openRecord(id api.ObjectID, b []byte) (n pair, born uint64, err error) {
	r, err := decodeRecord(b)
	if err != nil {
		return pair{}, 0, err
	}
	k, err := w.rings.keyOf(&r)
	if err != nil {
		return pair{}, 0, err
	}
	if n.object, err = w.p.openObject(k, id, r); err != nil {
		return pair{}, 0, err
	}
	n.material, err = w.p.openMaterial(k, id, r)
	return n, r.born, err
}
