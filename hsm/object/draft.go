package object

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// draft is an object in the making: one place for each row of its schema.
type draft struct {
	id     api.ObjectID
	req    *Request
	schema *schema
	attrs  []ck.Attribute // by row
	set    []bool         // by row: attrs has a value
}

// New makes an object, and its material if it has any (the caller owns it). The
// template is held to the rules of the class and key type and of the origin:
// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID,
// CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY (section 4.1.1). Values are
// copied; secrets go from the templates into the material, and nowhere else.
func New(r Request) (*Object, *Material, error) {
	d, err := newDraft(&r)
	if err != nil {
		return nil, nil, err
	}
	for i := range r.Template {
		if err := d.fromTemplate(&r.Template[i]); err != nil {
			return nil, nil, err
		}
	}
	for i := range r.Made {
		if err := d.fromMechanism(&r.Made[i]); err != nil {
			return nil, nil, err
		}
	}
	if err := d.complete(); err != nil {
		return nil, nil, err
	}
	m := d.material()
	o := d.object()
	if err := o.checkWhole(); err != nil {
		m.Zero()
		return nil, nil, err
	}
	return o, m, nil
}

// newID returns a fresh name. crypto/rand does not fail.
func newID() (id api.ObjectID) {
	rand.Read(id[:])
	return id
}

// newDraft finds out what is to be made.
func newDraft(r *Request) (*draft, error) {
	if r.Origin < Created || r.Origin > Agreed {
		return nil, ck.Errorf(ck.CKR_GENERAL_ERROR, "an object cannot be made so")
	}
	class, err := r.ulong(ck.CKA_CLASS)
	if err != nil {
		return nil, err
	}
	var kt uint64
	switch c := ck.ObjectClass(class); {
	case isTyped(c):
		kt, err = r.ulong(ck.CKA_KEY_TYPE)
	case c == ck.CKO_CERTIFICATE:
		err = r.checkCertificateType()
	}
	if err != nil {
		return nil, err
	}
	s, err := schemaFor(ck.ObjectClass(class), ck.KeyType(kt))
	if err != nil {
		return nil, err
	}
	return &draft{newID(), r, s, make([]ck.Attribute, len(s.rows)), make([]bool, len(s.rows))}, nil
}

// ulong returns a number that says what is to be made. That made and template
// agree about it is seen later.
func (r *Request) ulong(t ck.AttributeType) (uint64, error) {
	a, ok := r.Made.Find(t)
	if !ok {
		a, ok = r.Template.Find(t)
	}
	if !ok {
		return 0, refuse(ck.CKR_TEMPLATE_INCOMPLETE, t, "is missing")
	}
	v, ok := ck.ParseUlong(a.Value)
	if !ok {
		return 0, refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, t, "is not a CK_ULONG")
	}
	return v, nil
}

func (r *Request) checkCertificateType() error {
	ct, err := r.ulong(ck.CKA_CERTIFICATE_TYPE)
	if err == nil && ck.CertificateType(ct) != ck.CKC_X_509 {
		err = refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, ck.CKA_CERTIFICATE_TYPE, "is not supported")
	}
	return err
}

// refuse returns rv with the reason. why must not tell values.
func refuse(rv ck.RV, t ck.AttributeType, why string) error { return ck.Errorf(rv, "%v %s", t, why) }

// place returns the row that a goes to, having looked at its value.
func (d *draft) place(a *ck.Attribute) (int, error) {
	i := d.schema.index(a.Type)
	if i < 0 {
		if _, known := kinds[a.Type]; known {
			return 0, refuse(ck.CKR_TEMPLATE_INCONSISTENT, a.Type, "is not an attribute of such objects")
		}
		return 0, refuse(ck.CKR_ATTRIBUTE_TYPE_INVALID, a.Type, "is not known")
	}
	if !d.schema.rows[i].kind.fits(a, maxDepth-1) {
		return 0, refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, a.Type, "has an unfit value")
	}
	return i, nil
}

// fromTemplate puts in an attribute of the caller's template.
func (d *draft) fromTemplate(a *ck.Attribute) error {
	i, err := d.place(a)
	if err != nil {
		return err
	}
	r := &d.schema.rows[i]
	switch {
	case r.is(forbidden[d.req.Origin]):
		return refuse(ck.CKR_ATTRIBUTE_READ_ONLY, a.Type, "may not be given")
	case r.is(onlySO) && isTrue(a) && !d.req.SO:
		return refuse(ck.CKR_ATTRIBUTE_READ_ONLY, a.Type, "is set by the security officer")
	case d.set[i] && !r.repeats(a, &d.attrs[i]):
		return refuse(ck.CKR_TEMPLATE_INCONSISTENT, a.Type, "is given twice")
	}
	d.put(i, a)
	return nil
}

// fromMechanism puts in an attribute that the mechanism computed.
func (d *draft) fromMechanism(a *ck.Attribute) error {
	i, err := d.place(a)
	if err != nil {
		return err
	}
	r := &d.schema.rows[i]
	if d.set[i] && !r.is(restated) && !sameAttribute(a, &d.attrs[i]) {
		given := len(d.attrs[i].Value) + len(d.attrs[i].Nested)
		switch {
		case r.is(derivedValue) && given == 0:
			return nil
		case r.is(derivedValue):
			return refuse(ck.CKR_ATTRIBUTE_VALUE_INVALID, a.Type, "is not that of the value")
		case given != 0:
			return refuse(ck.CKR_TEMPLATE_INCONSISTENT, a.Type, "is not what was made")
		}
	}
	d.put(i, a)
	return nil
}

// repeats reports whether a and b, which both stand in the template, are the same.
func (r *row) repeats(a, b *ck.Attribute) bool {
	if r.is(secretValue) {
		return subtle.ConstantTimeCompare(a.Value, b.Value) == 1
	}
	return sameAttribute(a, b)
}

// put gives row i the value of a: a copy, but for secrets, which are copied once
// only, by material.
func (d *draft) put(i int, a *ck.Attribute) {
	if r := &d.schema.rows[i]; r.is(secretValue) {
		d.attrs[i] = *a
	} else {
		d.attrs[i] = own(r.kind, a)
	}
	d.set[i] = true
}

// complete fills in the defaults and sees that nothing is missing.
func (d *draft) complete() error {
	for i := range d.schema.rows {
		r := &d.schema.rows[i]
		if v := d.value(r.typ); !d.set[i] && v != nil {
			d.attrs[i], d.set[i] = ck.Attribute{Type: r.typ, Value: v}, true
		}
		if !d.set[i] && r.is(required[d.req.Origin]) {
			return refuse(ck.CKR_TEMPLATE_INCOMPLETE, r.typ, "is missing")
		}
	}
	return nil
}

// value returns what the attribute t is or will be by default, nil if neither.
func (d *draft) value(t ck.AttributeType) []byte {
	i := d.schema.index(t)
	switch {
	case i < 0:
		return nil
	case d.set[i]:
		return d.attrs[i].Value
	case d.schema.rows[i].def != nil:
		return d.schema.rows[i].def(d, t)
	}
	return nil
}

func (d *draft) bool(t ck.AttributeType) bool { return bytes.Equal(d.value(t), trueValue) }

// given reports whether the template asks for t to be true.
func (d *draft) given(t ck.AttributeType) bool {
	v, ok := d.req.Template.Bool(t)
	return v && ok
}

// object returns what is not secret, in the memory of the draft, which ends here.
func (d *draft) object() *Object {
	attrs := d.attrs[:0]
	for i := range d.attrs {
		if d.set[i] && !d.schema.rows[i].is(secretValue) {
			attrs = append(attrs, d.attrs[i])
		}
	}
	clear(d.attrs[len(attrs):])
	return newObject(d.id, d.schema, attrs)
}

// material returns what is secret, nil if there is nothing.
func (d *draft) material() *Material {
	var secrets []ck.Attribute
	for i := range d.attrs {
		if d.set[i] && d.schema.rows[i].is(secretValue) {
			secrets = append(secrets, d.attrs[i])
		}
	}
	return newMaterial(secrets)
}

// own returns a copy of a that shares nothing with it, in the form in which
// objects keep attributes: templates sorted, and never nil.
func own(k kind, a *ck.Attribute) ck.Attribute {
	if k != kindTemplate {
		return ck.Attribute{Type: a.Type, Value: append([]byte{}, a.Value...)}
	}
	nested := make([]ck.Attribute, len(a.Nested))
	for i := range a.Nested {
		nested[i] = own(kinds[a.Nested[i].Type], &a.Nested[i])
	}
	slices.SortFunc(nested, func(a, b ck.Attribute) int { return cmp.Compare(a.Type, b.Type) })
	return ck.Attribute{Type: a.Type, Nested: nested}
}

func isTrue(a *ck.Attribute) bool { return bytes.Equal(a.Value, trueValue) }
