package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// enterObject is enter for a call about the object with handle o.
func (a *App) enterObject(h ck.SessionHandle, o ck.ObjectHandle) (*session, api.ObjectID, error) {
	s, err := a.enter(h)
	if err != nil {
		return nil, api.ObjectID{}, err
	}
	id, ok := a.object(s.token, o)
	if !ok {
		s.leave()
		return nil, id, ck.CKR_OBJECT_HANDLE_INVALID
	}
	return s, id, nil
}

// CreateObject is C_CreateObject (section 5.7). The partition checks the
// template and the rights of the session, here as in all that follows.
func (a *App) CreateObject(h ck.SessionHandle, t ck.Template) (ck.ObjectHandle, error) {
	s, err := a.enter(h)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	id, err := s.token.partition.CreateObject(s.caller(), t)
	return a.made(s, id, err)
}

// CopyObject is C_CopyObject (section 5.7).
func (a *App) CopyObject(h ck.SessionHandle, o ck.ObjectHandle, t ck.Template) (ck.ObjectHandle, error) {
	s, id, err := a.enterObject(h, o)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	id, err = s.token.partition.CopyObject(s.caller(), id, t)
	return a.made(s, id, a.notThere(s, o, err, ck.CKR_OBJECT_HANDLE_INVALID))
}

// DestroyObject is C_DestroyObject (section 5.7). The handle is given up only
// once the object is gone.
func (a *App) DestroyObject(h ck.SessionHandle, o ck.ObjectHandle) error {
	s, id, err := a.enterObject(h, o)
	if err != nil {
		return err
	}
	defer s.leave()
	if a.objects.get(o).withhold() {
		a.keysChange()
		defer a.keysChanged()
	}
	if err := s.token.partition.DestroyObject(s.caller(), id); err != nil {
		return a.notThere(s, o, err, ck.CKR_OBJECT_HANDLE_INVALID)
	}
	a.forget(o)
	return nil
}

// GetObjectSize is C_GetObjectSize (section 5.7), in bytes.
func (a *App) GetObjectSize(h ck.SessionHandle, o ck.ObjectHandle) (int, error) {
	s, id, err := a.enterObject(h, o)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	n, err := s.token.partition.ObjectSize(s.caller(), id)
	return n, a.notThere(s, o, err, ck.CKR_OBJECT_HANDLE_INVALID)
}

// GetAttributeValue reads attributes into want; the shell copies them out, does
// the sizes, and returns the standard's code for the whole call (section 5.7.5).
func (a *App) GetAttributeValue(h ck.SessionHandle, o ck.ObjectHandle, want []api.AttributeResult) error {
	s, id, err := a.enterObject(h, o)
	if err != nil {
		return err
	}
	defer s.leave()
	return a.notThere(s, o, s.token.partition.Attributes(s.caller(), id, want), ck.CKR_OBJECT_HANDLE_INVALID)
}

// SetAttributeValue is C_SetAttributeValue (section 5.7).
func (a *App) SetAttributeValue(h ck.SessionHandle, o ck.ObjectHandle, t ck.Template) error {
	s, id, err := a.enterObject(h, o)
	if err != nil {
		return err
	}
	defer s.leave()
	a.keysChange()
	defer a.keysChanged()
	return a.notThere(s, o, s.token.partition.SetAttributes(s.caller(), id, t), ck.CKR_OBJECT_HANDLE_INVALID)
}
