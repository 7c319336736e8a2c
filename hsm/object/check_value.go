package object

import "github.com/coffer-hsm/coffer/hsm/ck"

// OwesCheckValue reports whether CKA_CHECK_VALUE, which the object may have, has not been
// computed (Request.Deferred): until somebody asks for it, most keys of a session are gone.
func (o *Object) OwesCheckValue() bool { return o.owes }

// WithCheckValue returns the object with its CKA_CHECK_VALUE; without one if v is nil. v
// is the object's from then on.
func (o *Object) WithCheckValue(v []byte) *Object {
	if v == nil {
		whole := *o
		whole.owes = false
		return &whole
	}
	return newObject(o.id, o.schema, withAttribute(o.list(), ck.Bytes(ck.CKA_CHECK_VALUE, v)))
}
