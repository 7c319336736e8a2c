package partition

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Find is AppendFound to a new list.
func (p *Partition) Find(who api.Caller, tmpl ck.Template) ([]api.ObjectID, error) {
	return p.AppendFound(nil, who, tmpl)
}

// AppendFound is C_FindObjects for all of them at once: built-in objects, then token
// objects in the order in which they were made, the public half of a pair first, then
// session objects.
func (p *Partition) AppendFound(ids []api.ObjectID, who api.Caller, tmpl ck.Template) ([]api.ObjectID, error) {
	if err := p.sync(); err != nil {
		return nil, err
	}
	p.settle()
	p.mu.RLock()
	defer p.mu.RUnlock()
	candidates := p.candidates(tmpl)
	ids = slices.Grow(builtIns().matching(ids, tmpl), min(len(candidates), fewFound))
	for _, e := range candidates {
		if p.visible(who, e.object) && p.matches(e, tmpl) {
			ids = append(ids, e.id)
		}
	}
	return ids, nil
}

// matches reports whether an object is what tmpl searches for.
func (p *Partition) matches(e *entry, tmpl ck.Template) bool {
	if e.object.OwesCheckValue() {
		if _, asked := tmpl.Find(ck.CKA_CHECK_VALUE); asked {
			whole, err := p.whole(e)
			return err == nil && whole.Matches(tmpl)
		}
	}
	return e.object.Matches(tmpl)
}

// fewFound is for how many objects there is room from the start: most searches are for one.
const fewFound = 16

// Exists reports whether who can see the object.
func (p *Partition) Exists(who api.Caller, id api.ObjectID) bool {
	if p.sync() != nil {
		return false
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, err := p.lookup(who, id)
	return err == nil
}

// Attributes is C_GetAttributeValue.
func (p *Partition) Attributes(who api.Caller, id api.ObjectID, want []api.AttributeResult) error {
	if err := p.sync(); err != nil {
		return err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, err := p.lookup(who, id)
	if err != nil {
		return err
	}
	var secrets ck.Template
	for i := range want {
		if err := p.attribute(e, &want[i], &secrets); err != nil {
			return err
		}
	}
	return nil
}

// attribute answers for one attribute. secrets are the copies of secret values that the
// call has made so far: a template that asks for one of them many times gets one copy.
func (p *Partition) attribute(e *entry, want *api.AttributeResult, secrets *ck.Template) error {
	t := want.Type
	o, err := e.object, error(nil)
	if t == ck.CKA_CHECK_VALUE {
		if o, err = p.whole(e); err != nil {
			return err
		}
	}
	a, inMaterial, rv := o.Get(t)
	want.Attribute, want.RV = a, rv
	want.Type = t
	if rv != ck.CKR_OK || !inMaterial {
		return nil
	}
	if made, ok := secrets.Find(t); ok && !want.Measure {
		want.Value = made.Value
		return nil
	}
	k, err := p.prepared(e)
	if err != nil {
		return err
	}
	value, ok := k.Material.Get(t)
	if !ok { // an optional part, such as a prime, of a key that came without it
		want.RV = ck.CKR_ATTRIBUTE_TYPE_INVALID
		return nil
	}
	if want.Measure {
		want.Length = len(value)
		return nil
	}
	// The material may be wiped while the caller reads.
	secret.Do(func() { want.Value = slices.Clone(value) })
	*secrets = append(*secrets, want.Attribute)
	return nil
}

// ObjectSize is C_GetObjectSize: the bytes of the attributes and the secret.
func (p *Partition) ObjectSize(who api.Caller, id api.ObjectID) (int, error) {
	if err := p.sync(); err != nil {
		return 0, err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, err := p.lookup(who, id)
	if err != nil {
		return 0, err
	}
	if !e.ofSession() {
		return e.record.size() + seal.Overhead + e.object.Size(), nil
	}
	whole, err := p.whole(e)
	if err != nil {
		return 0, err
	}
	return whole.Size(), nil
}
