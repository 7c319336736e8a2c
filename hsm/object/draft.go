package object

import (
	"bytes"
	"cmp"
	"crypto/subtle"
	"math/bits"
	"slices"
	"sync"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// draft is an object in the making: one place for each row of its schema. It shares the
// values of templates, and gives all it has to the encoding and the material.
type draft struct {
	id     api.ObjectID
	req    Request
	schema *schema
	attrs  [maxRows]*ck.Attribute // by row
	has    rowSet                 // those that are in attrs

	exclusive answer // whether the template asks for one of the exclusive uses

	name    [2 * len(api.ObjectID{})]byte // CKA_UNIQUE_ID
	number  [ck.UlongSize]byte            // CKA_KEY_GEN_MECHANISM
	encoded [512]byte                     // room for most
}

// rowSet has a bit for each row of a schema, of which there are maxRows at most.
type rowSet uint64

const maxRows = 64

// answer is that to a question of yes or no, asked or not.
type answer int8

const (
	unasked answer = iota
	isNot
	is
)

// drafts are used again. Free ones are zero, but for encoded.
var drafts = sync.Pool{New: func() any { return new(draft) }}

func (d *draft) free() {
	for ; d.has != 0; d.has &= d.has - 1 {
		d.attrs[bits.TrailingZeros64(uint64(d.has))] = nil
	}
	d.req, d.schema, d.has, d.exclusive = Request{}, nil, 0, unasked
	drafts.Put(d)
}

func (d *draft) set(i int) bool { return d.has&(1<<i) != 0 }

// New makes an object, and its material if it has any: the caller owns it, and sees to it
// that it is wiped, or abandoned (secret.Owned). The
// template is held to the rules of the class and key type and of the origin:
// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID,
// CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY (section 4.1.1). Values are
// copied; secrets go from the templates into the material, and nowhere else.
func New(r Request) (*Object, *Material, error) {
	s, err := r.schema()
	if err != nil {
		return nil, nil, err
	}
	d := drafts.Get().(*draft)
	d.id, d.req, d.schema = newIDIn(r.Lane), r, s
	defer d.free()
	if err := d.fill(); err != nil {
		return nil, nil, err
	}
	o, err := d.object()
	if err != nil {
		return nil, nil, err
	}
	return o, d.material(), nil
}

// fill gives the rows the values that there are.
func (d *draft) fill() error {
	for i := range d.req.Template {
		if err := d.fromTemplate(&d.req.Template[i]); err != nil {
			return err
		}
	}
	for i := range d.req.Made {
		if err := d.fromMechanism(&d.req.Made[i]); err != nil {
			return err
		}
	}
	return nil
}

// schema finds out what is to be made.
func (r *Request) schema() (*schema, error) {
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
	return schemaFor(ck.ObjectClass(class), ck.KeyType(kt))
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
	case d.set(i) && !r.repeats(a, d.attrs[i]):
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
	if d.set(i) && !r.is(restated) && !sameAttribute(a, d.attrs[i]) {
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

// put gives row i the value of a.
func (d *draft) put(i int, a *ck.Attribute) {
	if d.schema.rows[i].kind == kindTemplate {
		sorted := own(kindTemplate, a)
		a = &sorted
	}
	d.attrs[i] = a
	d.has |= 1 << i
}

// value returns what the attribute t is or will be by default, nil if neither.
func (d *draft) value(t ck.AttributeType) []byte {
	i := d.schema.index(t)
	switch {
	case i < 0:
		return nil
	case d.set(i):
		return d.attrs[i].Value
	case d.schema.rows[i].def != nil:
		return d.schema.rows[i].def.of(d, t)
	}
	return nil
}

func (d *draft) bool(t ck.AttributeType) bool { return bytes.Equal(d.value(t), trueValue) }

// given reports whether the template asks for t to be true.
func (d *draft) given(t ck.AttributeType) bool {
	v, ok := d.req.Template.Bool(t)
	return v && ok
}

// object returns what is not secret, packed: what was given, and the defaults of the rest.
// CKR_TEMPLATE_INCOMPLETE if something is missing.
func (d *draft) object() (*Object, error) {
	s := d.schema
	o := &Object{id: d.id, schema: s, class: s.class, keyType: s.keyType, usage: s.fixed.usage, truths: s.fixed.truths, owes: d.req.Deferred}
	b := append(d.encoded[:0], formatVersion)
	done := 0 // rows
	for left := d.has | s.computed | s.required[d.req.Origin]; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(uint64(left))
		b = append(b, s.fixed.between(done, i)...)
		done = i + 1
		var err error
		if b, err = d.row(o, b, i); err != nil {
			return nil, err
		}
	}
	b = append(b, s.fixed.between(done, len(s.rows))...)
	o.packed = bytes.Clone(b)
	return o, o.checkWhole()
}

// row appends row i to the encoding of an object in the making: what was given, or the
// default.
func (d *draft) row(o *Object, b []byte, i int) ([]byte, error) {
	r := &d.schema.rows[i]
	if d.set(i) {
		if r.is(secretValue) {
			return b, nil
		}
		o.usage &^= usageBit(r.typ)
		o.truths &^= truthBit(r.typ)
		o.note(d.attrs[i])
		return appendAttribute(b, d.attrs[i]), nil
	}
	a := ck.Attribute{Type: r.typ}
	if r.def != nil {
		a.Value = r.def.of(d, r.typ)
	}
	switch {
	case a.Value != nil:
		o.note(&a)
		b = appendAttribute(b, &a)
	case r.is(required[d.req.Origin]):
		return nil, refuse(ck.CKR_TEMPLATE_INCOMPLETE, r.typ, "is missing")
	}
	return b, nil
}

// material returns what is secret, nil if there is nothing.
func (d *draft) material() *Material {
	var room [8]ck.Attribute
	secrets := room[:0]
	for left := d.has & d.schema.secret; left != 0; left &= left - 1 {
		secrets = append(secrets, *d.attrs[bits.TrailingZeros64(uint64(left))])
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
