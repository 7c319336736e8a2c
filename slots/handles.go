package slots

import (
	"maps"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// object is what an object handle stands for. One table has the handles of all
// tokens, so that a handle of one token means nothing in another.
type object struct {
	token *token
	id    api.ObjectID
}

// handles finds the handle that an object of one token already has: an object
// has the same handle in all sessions, for as long as the application can see it.
// The lock of App.objects guards it, so that a handle comes and goes under one.
type handles map[api.ObjectID]ck.ObjectHandle

// handles lists those of a token.
func (a *App) handles(t *token) []ck.ObjectHandle {
	a.objects.mu.Lock()
	defer a.objects.mu.Unlock()
	return slices.Collect(maps.Values(t.handles))
}

// object returns what h stands for in t; ok is false if that is nothing.
func (a *App) object(t *token, h ck.ObjectHandle) (id api.ObjectID, ok bool) {
	o := a.objects.get(uint64(h))
	if o == nil || o.token != t {
		return id, false
	}
	return o.id, true
}

// handle returns the handle of an object of t, a new one if it has none yet.
func (a *App) handle(t *token, id api.ObjectID) ck.ObjectHandle {
	a.objects.mu.Lock()
	defer a.objects.mu.Unlock()
	if h, ok := t.handles[id]; ok {
		return h
	}
	h := ck.ObjectHandle(a.objects.add(object{t, id}))
	t.handles[id] = h
	return h
}

// forget makes h invalid.
func (a *App) forget(h ck.ObjectHandle) {
	a.objects.mu.Lock()
	defer a.objects.mu.Unlock()
	if o := a.objects.remove(uint64(h)); o != nil {
		delete(o.token.handles, o.id)
	}
}

// forgetGone forgets those of list whose objects who cannot see.
func (a *App) forgetGone(t *token, who api.Caller, list []ck.ObjectHandle) {
	for _, h := range list {
		if id, ok := a.object(t, h); ok && !t.partition.Exists(who, id) {
			a.forget(h)
		}
	}
}

// made gives a handle to an object that a call on s has just made. The session
// remembers it: when it is closed, its session objects are gone.
func (a *App) made(s *session, id api.ObjectID, err error) (ck.ObjectHandle, error) {
	if err != nil {
		return 0, err
	}
	h := a.handle(s.token, id)
	if len(s.made) == cap(s.made) {
		s.made = a.tidy(s.made)
	}
	s.made = append(s.made, h)
	return h, nil
}

// tidy drops the handles from a full list that have been forgotten, so that a
// session may make and destroy keys for ever, and gives it room for as many
// again as are left.
func (a *App) tidy(list []ck.ObjectHandle) []ck.ObjectHandle {
	list = slices.DeleteFunc(list, func(h ck.ObjectHandle) bool { return a.objects.get(uint64(h)) == nil })
	return slices.Grow(list, len(list)+1)
}
