package slots

import (
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Pending calls that outlive their session (section 5.21, C_AsyncGetID and
// C_AsyncJoin). Nothing runs when no session is open, so what is kept is the result:
// AsyncGetID waits for the work and puts the result into a private data object of the
// token, sealed like any other; AsyncJoin takes it out again, in this process or
// another, and the call is then pending on the session that joined it.
//
// The object is not trusted because of where it is: any program of the user's can make
// one like it. Its value is the partition's tag (api.Operations, Tag) of the call's
// number and of what follows, so that only what AsyncGetID has written is a saved call.
// Who keeps the value may put it back and join the call again, which lets him do no more
// than before: he has what is in it, and a handle is given only to who can see the key.

// savedCall is what stands behind the tag, in JSON.
type savedCall struct {
	Function string
	Code     ck.RV
	Output   []byte         `json:",omitempty"`
	Made     []api.ObjectID `json:",omitempty"`
}

// savedApplication is the CKA_APPLICATION of such objects.
const savedApplication = "Coffer: asynchronous call"

// savedPurpose tells the tags of saved calls from others. Its number is the format's.
const savedPurpose = "asynchronous call 1"

const tagSize = 32

// sealSaved puts the tag of a saved call in front of it.
func sealSaved(p api.Partition, id uint64, plain []byte) []byte {
	tag := p.Tag(savedPurpose, binary.BigEndian.AppendUint64(nil, id), plain)
	return append(tag[:], plain...)
}

// openSaved is the reverse: nil if the value is not what AsyncGetID wrote for id.
func openSaved(p api.Partition, id uint64, value []byte) *savedCall {
	if len(value) < tagSize || !hmac.Equal(sealSaved(p, id, value[tagSize:])[:tagSize], value[:tagSize]) {
		return nil
	}
	c := new(savedCall)
	if json.Unmarshal(value[tagSize:], c) != nil {
		return nil
	}
	return c
}

// savedTemplate is what the object of id is found by.
func savedTemplate(id uint64) ck.Template {
	return ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_PRIVATE, true),
		ck.String(ck.CKA_APPLICATION, savedApplication), ck.String(ck.CKA_LABEL, fmt.Sprintf("%016x", id)),
	}
}

// AsyncGetID is C_AsyncGetID (section 5.21). It waits until the call is done. The call
// is then no longer pending on the session, and its output buffer not used.
// CKR_OPERATION_NOT_INITIALIZED if no call of that function is pending;
// CKR_STATE_UNSAVEABLE, and the call is pending still, where the user is not logged in
// or the session read-only, and for keys that end with the session.
func (a *App) AsyncGetID(h ck.SessionHandle, function string) (uint64, error) {
	s, err := a.enter(h)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	p := s.pendingIn(function)
	if p == nil {
		return 0, ck.CKR_OPERATION_NOT_INITIALIZED
	}
	if l := s.token.login.Load(); l == nil || l.user != ck.CKU_USER || !s.readWrite() {
		return 0, ck.CKR_STATE_UNSAVEABLE
	}
	t := p.pending()
	<-t.done
	c := savedCall{Function: function, Code: ck.Code(t.err), Output: t.out}
	g, generates := p.(*operation[*generation])
	if generates {
		c.Made = g.op.made
		if !s.areTokenObjects(c.Made) {
			return 0, ck.CKR_STATE_UNSAVEABLE
		}
	}
	id, err := a.save(s, &c)
	if err != nil {
		return 0, err
	}
	if generates {
		g.op.made = nil // not to be destroyed
	}
	p.end()
	return id, nil
}

// areTokenObjects reports whether none of the objects ends with the session.
func (s *session) areTokenObjects(ids []api.ObjectID) bool {
	for _, id := range ids {
		want := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_TOKEN}}}
		err := s.token.partition.Attributes(s.caller(), id, want)
		if on, ok := (ck.Template{want[0].Attribute}).Bool(ck.CKA_TOKEN); err != nil || !ok || !on {
			return false
		}
	}
	return true
}

// save writes c to the token and returns its number, which is not 0.
func (a *App) save(s *session, c *savedCall) (uint64, error) {
	var random [8]byte
	if err := a.module.Random(random[:]); err != nil {
		return 0, err
	}
	id := binary.BigEndian.Uint64(random[:]) | 1
	plain, err := json.Marshal(c)
	if err != nil {
		return 0, ck.CKR_GENERAL_ERROR
	}
	p := s.token.partition
	_, err = p.CreateObject(s.caller(), append(savedTemplate(id), ck.Bytes(ck.CKA_VALUE, sealSaved(p, id, plain)),
		ck.Bool(ck.CKA_MODIFIABLE, false), ck.Bool(ck.CKA_COPYABLE, false)))
	return id, err
}

// AsyncJoin is C_AsyncJoin (section 5.21). dst takes the place of the output buffer
// and is used by AsyncComplete; it is looked at where the function has one:
// CKR_ARGUMENTS_BAD if it is nil, as there is no way to tell a length, and
// CKR_BUFFER_TOO_SMALL. CKR_SAVED_STATE_INVALID if the user has not saved such a
// call, and once it was joined; CKR_OPERATION_ACTIVE if its operation is active on
// the session, which must be one that can change the token.
func (a *App) AsyncJoin(h ck.SessionHandle, function string, id uint64, dst []byte) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	object, c, err := s.saved(id)
	switch {
	case err != nil:
		return err
	case c.Function != function || !s.asynchronous():
		return ck.CKR_SAVED_STATE_INVALID
	}
	t := &task{function: function, done: make(chan struct{}), out: c.Output}
	close(t.done)
	if c.Code != ck.CKR_OK {
		t.err = c.Code
	}
	join, err := s.joinAs(a, c, t, dst)
	if err != nil {
		return err
	}
	if err := s.token.partition.DestroyObject(s.caller(), object); err != nil {
		return err
	}
	join()
	return nil
}

// saved finds the call that was saved under id, and its object. Others that somebody
// has put beside it are passed over.
func (s *session) saved(id uint64) (object api.ObjectID, c *savedCall, err error) {
	p, who := s.token.partition, s.caller()
	found, err := p.AppendFound(nil, who, savedTemplate(id))
	if err != nil {
		return object, nil, ck.CKR_SAVED_STATE_INVALID
	}
	for _, object := range found {
		want := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_VALUE}}}
		if p.Attributes(who, object, want) != nil {
			continue
		}
		if c := openSaved(p, id, want[0].Value); c != nil && s.sees(c.Made) {
			return object, c, nil
		}
	}
	return object, nil, ck.CKR_SAVED_STATE_INVALID
}

// sees reports whether all of the objects are there for the session's user.
func (s *session) sees(ids []api.ObjectID) bool {
	for _, id := range ids {
		if !s.token.partition.Exists(s.caller(), id) {
			return false
		}
	}
	return true
}

// joinAs returns what makes c the pending call t of the session. What is joined ends
// with the login, as it was begun under one.
func (s *session) joinAs(a *App, c *savedCall, t *task, dst []byte) (func(), error) {
	generating := &s.generateKey
	switch c.Function {
	case "C_Sign", "C_SignFinal":
		return s.joinSignature(t, dst)
	case "C_GenerateKey":
	case "C_GenerateKeyPair":
		generating = &s.generateKeyPair
	default:
		return nil, ck.CKR_SAVED_STATE_INVALID
	}
	if generating.active {
		return nil, ck.CKR_OPERATION_ACTIVE
	}
	g := &generation{app: a, token: s.token, who: s.caller(), made: c.Made}
	return func() { *generating = operation[*generation]{op: g, active: true, private: true, lent: t} }, nil
}

func (s *session) joinSignature(t *task, dst []byte) (func(), error) {
	switch {
	case s.sign.active:
		return nil, ck.CKR_OPERATION_ACTIVE
	case dst == nil:
		return nil, ck.CKR_ARGUMENTS_BAD
	case len(dst) < len(t.out):
		return nil, ck.CKR_BUFFER_TOO_SMALL
	}
	t.dst = dst
	return func() { s.sign = operation[api.Signer]{op: doneSigner{}, active: true, private: true, lent: t} }, nil
}

// doneSigner stands for a signature that was made elsewhere. While its call is
// pending nothing else is asked of it.
type doneSigner struct{ api.Signer }

// Close is part of api.Operation; there is nothing to wipe.
func (doneSigner) Close() {}
