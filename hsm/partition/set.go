package partition

import (
	"fmt"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// SetAttributes is C_SetAttributeValue.
func (p *Partition) SetAttributes(who api.Caller, id api.ObjectID, tmpl ck.Template) error {
	if err := p.sync(); err != nil {
		return err
	}
	kind, done, err := p.setSession(who, id, tmpl)
	if done || err != nil {
		return err
	}
	err = p.update(func(w *writer) error {
		e := kind.event
		if e.Detail, err = w.setAttributes(id, kind.private, tmpl, kind.so); err != nil {
			return err
		}
		w.note(e)
		return nil
	})
	if err != nil {
		return err
	}
	return p.sync()
}

// change is what the store's side of a change must know of it.
type change struct {
	private, so bool
	event       audit.Event
}

// setSession holds a change of any object against the caller's rights, and makes it
// for a session object.
func (p *Partition) setSession(who api.Caller, id api.ObjectID, tmpl ck.Template) (c change, done bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := p.lookup(who, id)
	switch {
	case err != nil:
		return c, false, err
	case e.object.Token() && !who.ReadWrite:
		return c, false, ck.CKR_SESSION_READ_ONLY
	}
	c.so = p.roleOf(who) == roleSO
	if !e.ofSession() {
		c.private, c.event = e.record.private, p.eventOf(who, audit.Modify, e.object)
		return c, false, nil
	}
	return c, true, p.changeSession(e, tmpl, c.so)
}

// changeSession changes a session object: the same secret under other attributes. The
// caller holds p.mu for writing.
func (p *Partition) changeSession(e *entry, tmpl ck.Template, so bool) error {
	o, err := e.object.Set(tmpl, so)
	if err != nil {
		return err
	}
	if err := p.changed(e.object, o, so); err != nil {
		return err
	}
	m := e.material.Clone() // operations under way keep the old one
	e.drop()
	p.recent.forget(&e.id)
	if e.fresh == 0 {
		p.index.remove(e)
		e.show(o)
		p.index.add(e)
	} else {
		e.object = o
	}
	e.material = m
	return nil
}

// setAttributes changes a token object as it is in the store now, which may be
// newer than the cache. It says for the log what was changed for good.
func (w *writer) setAttributes(id api.ObjectID, private bool, tmpl ck.Template, so bool) (held string, err error) {
	b, found := w.tx.Get(store.ID(id))
	if !found || !w.rings.of(private).open() {
		return "", ck.CKR_OBJECT_HANDLE_INVALID
	}
	n, born, err := w.openRecord(id, b)
	if err != nil {
		return "", err
	}
	if n.material != nil {
		defer n.material.Zero()
	}
	o, err := n.object.Set(tmpl, so)
	if err != nil {
		return "", err
	}
	if err := w.p.changed(n.object, o, so); err != nil {
		return "", err
	}
	return describeHeld(n.object, o), w.putObject(pair{o, n.material}, born)
}

// describeHeld names the attributes that an object was given for good, with what they are.
func describeHeld(was, is *object.Object) string {
	var list []string
	for _, t := range was.Held(is) {
		list = append(list, fmt.Sprintf("%v=%t", t, is.Bool(t)))
	}
	return strings.Join(list, ", ")
}
