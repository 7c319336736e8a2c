package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// search is what FindObjectsInit found and FindObjects has not returned yet. It
// is a snapshot: objects may come and go, and be read and used, meanwhile. The handle of
// one that has gone stands for nothing, as that of one that goes later.
type search struct {
	left []api.ObjectID
	room [fewFound]api.ObjectID // for them, if they are few
}

// fewFound is how many objects there is room for: most searches are for one.
const fewFound = 16

// Close is part of api.Operation; there is nothing to wipe.
func (s *search) Close() { s.left = nil }

var finding = spec[*search]{of: func(s *session) *operation[*search] { return &s.find }}

// FindObjectsInit is C_FindObjectsInit (section 5.7). A nil template fits all
// objects. A search made under a login ends with it.
func (a *App) FindObjectsInit(h ck.SessionHandle, t ck.Template) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	if s.find.active {
		return ck.CKR_OPERATION_ACTIVE
	}
	who := s.caller()
	ids, err := s.token.partition.AppendFound(s.searching.room[:0], who, t)
	if err != nil {
		return err
	}
	s.searching.left = ids
	s.find = operation[*search]{op: &s.searching, active: true, private: who.Identity != 0}
	return nil
}

// FindObjects is C_FindObjects (section 5.7): it fills dst with the next
// handles, oldest object first, and returns how many; 0 when there are no more.
func (a *App) FindObjects(h ck.SessionHandle, dst []ck.ObjectHandle) (int, error) {
	s, err := a.session(h)
	if err != nil {
		return 0, err
	}
	return run(a, h, &finding, part, false, func(op *search) (int, error) {
		n := min(len(dst), len(op.left))
		for i, id := range op.left[:n] {
			if dst[i], err = a.found(s, id); err != nil {
				return 0, err
			}
		}
		op.left = op.left[n:]
		return n, nil
	})
}

// found returns the handle of an object that a search has found. One that gets its first
// now is looked at again: what has gone since would keep it for ever, as nobody destroys
// it any more.
func (a *App) found(s *session, id api.ObjectID) (ck.ObjectHandle, error) {
	if h, ok := a.oldHandle(s.token, id); ok {
		return h, nil
	}
	h, err := a.newHandle(s.token, id)
	if err == nil && !s.token.partition.Exists(s.caller(), id) {
		a.forget(h)
	} else {
		a.sweep(s, shardOf(&id))
	}
	return h, err
}

// FindObjectsFinal is C_FindObjectsFinal (section 5.7).
func (a *App) FindObjectsFinal(h ck.SessionHandle) error {
	_, err := run(a, h, &finding, last, false, func(*search) (int, error) { return 0, nil })
	return err
}
