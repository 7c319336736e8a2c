package object

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Set answers C_SetAttributeValue: the object as it is with tmpl, under the same
// id. CKR_ACTION_PROHIBITED if the object may not be modified at all (CKA_MODIFIABLE
// false, or trusted and the caller is not the security officer);
// CKR_ATTRIBUTE_READ_ONLY if one of the attributes may not, or not in this
// direction; CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
// CKR_TEMPLATE_INCONSISTENT.
func (o *Object) Set(tmpl ck.Template, so bool) (*Object, error) {
	if !o.Bool(ck.CKA_MODIFIABLE) {
		return nil, ck.Errorf(ck.CKR_ACTION_PROHIBITED, "the object is not modifiable")
	}
	if o.Bool(ck.CKA_TRUSTED) && !so {
		return nil, ck.Errorf(ck.CKR_ACTION_PROHIBITED, "the object is trusted: only the security officer changes it")
	}
	return o.changed(o.id, o.list(), tmpl, mayModify, so)
}

// Held are the attributes that an object was given for good by a change from o to c: those
// that Set lets change in one direction only.
func (o *Object) Held(c *Object) (list []ck.AttributeType) {
	for _, r := range o.schema.rows {
		if r.is(onceTrue|onceFalse) && o.Bool(r.typ) != c.Bool(r.typ) {
			list = append(list, r.typ)
		}
	}
	return list
}

// Copy answers C_CopyObject: a copy of the object and of m (which may be nil)
// with tmpl, under a new id. CKR_ACTION_PROHIBITED if CKA_COPYABLE is false, else
// the codes of Set. The copy of a private object cannot be public
// (CKR_TEMPLATE_INCONSISTENT); unless the security officer makes it, it is not
// trusted. What a key that is not modifiable is for, its copies are for
// (CKR_ATTRIBUTE_READ_ONLY).
func (o *Object) Copy(tmpl ck.Template, m *Material, so bool) (*Object, *Material, error) {
	if !o.Bool(ck.CKA_COPYABLE) {
		return nil, nil, ck.Errorf(ck.CKR_ACTION_PROHIBITED, "the object is not copyable")
	}
	if err := o.keepsUses(tmpl); err != nil {
		return nil, nil, err
	}
	id := newID()
	from := withUniqueID(id, o.list())
	if o.Bool(ck.CKA_TRUSTED) && !so {
		from = withAttribute(from, ck.Bool(ck.CKA_TRUSTED, false))
	}
	c, err := o.changed(id, from, tmpl, mayModify|mayCopy, so)
	if err != nil {
		return nil, nil, err
	}
	if o.Private() && !c.Private() {
		return nil, nil, refuse(ck.CKR_TEMPLATE_INCONSISTENT, ck.CKA_PRIVATE, "stays true in a copy")
	}
	return c, m.Clone(), nil
}

// keepsUses holds the template of a copy against CKA_MODIFIABLE.
func (o *Object) keepsUses(tmpl ck.Template) error {
	if o.Bool(ck.CKA_MODIFIABLE) {
		return nil
	}
	for i := range tmpl {
		if t := tmpl[i].Type; usageBit(t) != 0 && o.Bool(t) != isTrue(&tmpl[i]) {
			return refuse(ck.CKR_ATTRIBUTE_READ_ONLY, t, "is not changed in a copy of what is not modifiable")
		}
	}
	return nil
}

// changed returns an object of from, which belongs to o's type, with tmpl. may
// says which rows may be changed.
func (o *Object) changed(id api.ObjectID, from []ck.Attribute, tmpl ck.Template, may rule, so bool) (*Object, error) {
	attrs := from
	for i := range tmpl {
		a := &tmpl[i]
		if first, _ := tmpl.Find(a.Type); !sameAttribute(&first, a) {
			return nil, refuse(ck.CKR_TEMPLATE_INCONSISTENT, a.Type, "is given twice")
		}
		r := o.schema.row(a.Type)
		if err := o.checkChange(r, a, may, so); err != nil {
			return nil, err
		}
		attrs = withAttribute(attrs, own(r.kind, a))
	}
	c := newObject(id, o.schema, attrs)
	c.owes = o.owes
	if err := c.checkWhole(); ck.Code(err) == ck.CKR_TEMPLATE_INCOMPLETE {
		return nil, ck.Errorf(ck.CKR_TEMPLATE_INCONSISTENT, "%w", err) // no change is incomplete (section 4.1.2)
	} else if err != nil {
		return nil, err
	}
	return c, nil
}

// checkChange sees whether the attribute of row r may become a.
func (o *Object) checkChange(r *row, a *ck.Attribute, may rule, so bool) error {
	switch {
	case r == nil:
		return refuse(ck.CKR_ATTRIBUTE_TYPE_INVALID, a.Type, "is not an attribute of the object")
	case !r.is(may):
		return refuse(ck.CKR_ATTRIBUTE_READ_ONLY, a.Type, "may not be changed")
	case !r.kind.fits(a, maxDepth-1):
		return refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, a.Type, "has an unfit value")
	case r.is(onlySO) && isTrue(a) && !so:
		return refuse(ck.CKR_ATTRIBUTE_READ_ONLY, a.Type, "is set by the security officer")
	case r.is(onceTrue) && o.Bool(r.typ) && !isTrue(a):
		return refuse(ck.CKR_ATTRIBUTE_READ_ONLY, a.Type, "stays true")
	case r.is(onceFalse) && !o.Bool(r.typ) && isTrue(a):
		return refuse(ck.CKR_ATTRIBUTE_READ_ONLY, a.Type, "stays false")
	}
	return nil
}

// withAttribute returns a copy of sorted attrs that has a in its place.
func withAttribute(attrs []ck.Attribute, a ck.Attribute) []ck.Attribute {
	i := search(len(attrs), a.Type, func(i int) ck.AttributeType { return attrs[i].Type })
	if i < len(attrs) && attrs[i].Type == a.Type {
		attrs = slices.Clone(attrs)
		attrs[i] = a
		return attrs
	}
	return slices.Concat(attrs[:i], []ck.Attribute{a}, attrs[i:])
}

func withUniqueID(id api.ObjectID, attrs []ck.Attribute) []ck.Attribute {
	return withAttribute(attrs, ck.Bytes(ck.CKA_UNIQUE_ID, nameOf(id)))
}
