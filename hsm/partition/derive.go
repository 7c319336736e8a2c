package partition

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// derived is what was derived, and the object that is to be made of it.
type derived struct {
	base, salt *object.Object // salt is nil unless a key salted the derivation
	tmpl       ck.Template
	value      *secret.Bytes
}

// DeriveKey is C_DeriveKey.
func (p *Partition) DeriveKey(who api.Caller, m *ck.Mechanism, base api.ObjectID, tmpl ck.Template) (api.ObjectID, error) {
	mechanism, so, err := p.maker(who, m, func(m *service.Mechanism) bool { return m.Derive != nil }, tmpl)
	if err != nil {
		return api.ObjectID{}, err
	}
	d, err := p.derive(who, mechanism, m, base, tmpl)
	if err != nil {
		return api.ObjectID{}, err
	}
	defer d.value.Zero()
	made, err := d.made(mechanism)
	if err != nil {
		return api.ObjectID{}, err
	}
	defer object.WipeTemplate(made)
	return p.newObject(who, object.Request{
		Origin: object.Derived, Mechanism: m.Type, Template: d.tmpl, Made: made, Base: d.base, Salt: d.salt, SO: so,
	})
}

// made is what was computed, as attributes.
func (d *derived) made(mechanism *service.Mechanism) (ck.Template, error) {
	if mechanism.DerivesData {
		return ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bytes(ck.CKA_VALUE, d.value.Expose())}, nil
	}
	return secretKey(d.value.Expose(), d.tmpl)
}

// derive computes the value of a derived key and the template it is to have: the
// caller's, the CKA_DERIVE_TEMPLATE of the base key and of the one that salts it, and
// a secret key where nobody says what it is to be.
func (p *Partition) derive(who api.Caller, mechanism *service.Mechanism, m *ck.Mechanism, id api.ObjectID, tmpl ck.Template) (*derived, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	k, err := p.keyFor(who, useDerive, mechanism, id)
	if err != nil {
		return nil, err
	}
	m, salt, err := p.salted(who, mechanism, m)
	if err != nil {
		return nil, err
	}
	for _, used := range []*object.Object{k.Object, salt} {
		if used == nil {
			continue
		}
		if err := p.rules.Derive(used, m); err != nil {
			return nil, err
		}
		if mechanism.DerivesData { // the template is for keys
			continue
		}
		if tmpl, err = object.MergeDeriveTemplate(used, tmpl); err != nil {
			return nil, err
		}
	}
	tmpl, n, err := derivedTemplate(mechanism, k.Object, tmpl)
	if err != nil {
		return nil, err
	}
	var value *secret.Bytes
	secret.Do(func() { value, err = mechanism.Derive(k, m, n) })
	return &derived{base: k.Object, salt: salt, tmpl: tmpl, value: value}, err
}

// salted returns the mechanism with the value of the key that salts the derivation in
// its parameter, and that key. It has to be one that may derive: from it, as much as from
// the base key, comes what is derived.
func (p *Partition) salted(who api.Caller, mechanism *service.Mechanism, m *ck.Mechanism) (*ck.Mechanism, *object.Object, error) {
	param, ok := m.Param.(*ck.HKDFParams)
	if !ok || !param.Extract || param.SaltType != ck.CKF_HKDF_SALT_KEY {
		return m, nil, nil
	}
	k, err := p.keyFor(who, useDerive, mechanism, param.SaltID)
	if err != nil {
		return nil, nil, err
	}
	with := *param
	with.Salt = k.Value()
	return &ck.Mechanism{Type: m.Type, Param: &with}, k.Object, nil
}

// derivedTemplate is secretTemplate or, where data is derived, the template of that: as
// private as the base key unless it says otherwise, and without CKA_VALUE_LEN, which
// data objects do not have.
func derivedTemplate(mechanism *service.Mechanism, base *object.Object, tmpl ck.Template) (whole ck.Template, n int, err error) {
	if !mechanism.DerivesData {
		return secretTemplate(tmpl)
	}
	if class, given := tmpl.Ulong(ck.CKA_CLASS); given && ck.ObjectClass(class) != ck.CKO_DATA {
		return nil, 0, ck.CKR_TEMPLATE_INCONSISTENT
	}
	n, err = derivedSize(tmpl)
	whole = slices.DeleteFunc(slices.Clone(tmpl), func(a ck.Attribute) bool { return a.Type == ck.CKA_VALUE_LEN })
	return merge(whole, ck.Template{ck.Bool(ck.CKA_PRIVATE, base.Bool(ck.CKA_PRIVATE))}), n, err
}
