package partition

import (
	"fmt"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// ImportObjects is CreateObject for many objects at once, in the order of the
// templates: all of them are made, the token objects in one transaction, or none is.
// from is the kind of what they come from, for the audit log: never a label or a path.
// It is not part of api.Partition: what brings keys in from elsewhere asks for it.
func (p *Partition) ImportObjects(who api.Caller, from string, tmpls []ck.Template) ([]api.ObjectID, error) {
	ids := make([]api.ObjectID, 0, len(tmpls))
	pairs := make([]pair, 0, len(tmpls))
	for i, tmpl := range tmpls {
		n, err := p.preparePair(who, tmpl)
		if err != nil {
			zeroPairs(pairs)
			return nil, ck.Errorf(ck.Code(err), "object %d of %d: %w", i+1, len(tmpls), err)
		}
		pairs = append(pairs, n)
		ids = append(ids, n.object.ID())
	}
	if len(pairs) == 0 {
		return ids, nil
	}
	if err := p.insertTold(who, audit.Create, p.importOf(who, from, len(pairs)), pairs); err != nil {
		return nil, err
	}
	return ids, nil
}

// importOf tells the log of an import.
func (p *Partition) importOf(who api.Caller, from string, n int) []audit.Event {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return []audit.Event{{Act: audit.Import, Who: p.whoIs(who), Detail: fmt.Sprintf("objects from %s: %d", from, n)}}
}

// preparePair does all of CreateObject but putting the object anywhere.
func (p *Partition) preparePair(who api.Caller, tmpl ck.Template) (pair, error) {
	if err := p.sync(); err != nil {
		return pair{}, err
	}
	so := p.roleNow(who) == roleSO
	r := object.Request{Origin: object.Created, Template: tmpl, SO: so, Deferred: true, Lane: laneOf(who)}
	if o, m := p.forms.New(&r); o != nil {
		return pair{o, m}, nil // whether the caller may make it is seen on insertion
	}
	return p.preparePairAnew(who, tmpl)
}

// preparePairAnew is preparePair for a template that there is no form of.
func (p *Partition) preparePairAnew(who api.Caller, tmpl ck.Template) (pair, error) {
	so, err := p.mayCreate(who, tmpl)
	if err != nil {
		return pair{}, err
	}
	room := rooms.Get().(*service.Room)
	defer func() {
		*room = service.Room{}
		rooms.Put(room)
	}()
	room.Deferred = mayDefer(tmpl)
	made, err := completed(tmpl, room)
	if err != nil {
		return pair{}, err
	}
	if class, _ := made.Ulong(ck.CKA_CLASS); ck.ObjectClass(class) == ck.CKO_PRIVATE_KEY {
		defer object.WipeTemplate(made) // a secret key's value is the caller's
	}
	return p.newPair(object.Request{Origin: object.Created, Template: tmpl, Made: made, SO: so, Deferred: room.Deferred, Lane: laneOf(who)})
}

// mayDefer reports whether the check value of a new object can wait until it is asked for:
// of a secret key of the session, unless the template says what it has to be.
func mayDefer(tmpl ck.Template) bool {
	class, _ := tmpl.Ulong(ck.CKA_CLASS)
	token, _ := tmpl.Bool(ck.CKA_TOKEN)
	_, given := tmpl.Find(ck.CKA_CHECK_VALUE)
	return ck.ObjectClass(class) == ck.CKO_SECRET_KEY && !token && !given
}

// rooms are used again; free ones are zero.
var rooms = sync.Pool{New: func() any { return new(service.Room) }}

func zeroPairs(pairs []pair) {
	for _, n := range pairs {
		n.material.Zero()
	}
}
