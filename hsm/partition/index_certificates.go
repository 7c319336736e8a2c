package partition

import (
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
)

// ofCertificates are the attributes that clients search certificates by, and trust in
// them, beside those of all objects. The issuer is not one of them: it has issued many,
// and the serial number, which is asked for with it, tells them apart.
var ofCertificates = [...]ck.AttributeType{ck.CKA_SUBJECT, ck.CKA_SERIAL_NUMBER, ck.CKA_VALUE}

// certificates finds open entries by these attributes, by certificateValue. The lists are
// in the order of older. The zero certificates are empty.
type certificates [len(ofCertificates)]map[uint64][]*entry

// hasCertificates reports whether objects of a class are in certificates. Keys have
// subjects too, which nobody searches for.
func hasCertificates(class ck.ObjectClass) bool {
	return class == ck.CKO_CERTIFICATE || class == ck.CKO_TRUST
}

// certificateValue is indexValue of an attribute, the same for all forms of a serial
// number. ok is false for a value that is empty, as it also is of objects that lack it.
func certificateValue(t ck.AttributeType, value []byte) (v uint64, ok bool) {
	if len(value) == 0 {
		return 0, false
	}
	if t == ck.CKA_SERIAL_NUMBER {
		value = object.BareSerial(value)
	}
	return indexValue(value), true
}

func (x *certificates) add(e *entry)    { x.change(e, with) }
func (x *certificates) remove(e *entry) { x.change(e, without) }

// change has f change the lists of e.
func (x *certificates) change(e *entry, f func([]*entry, *entry) []*entry) {
	if !hasCertificates(e.object.Class()) {
		return
	}
	for i, t := range ofCertificates {
		v, ok := certificateValue(t, e.object.Bytes(t))
		if !ok {
			continue
		}
		if x[i] == nil {
			x[i] = map[uint64][]*entry{}
		}
		if list := f(x[i][v], e); len(list) > 0 {
			x[i][v] = list
		} else {
			delete(x[i], v)
		}
	}
}

// narrow returns the shortest of list, which is all of a class, and those that tmpl asks for.
func (x *certificates) narrow(list []*entry, class ck.ObjectClass, tmpl ck.Template) []*entry {
	if !hasCertificates(class) {
		return list
	}
	for i, t := range ofCertificates {
		a, _ := tmpl.Find(t)
		if v, ok := certificateValue(t, a.Value); ok && len(x[i][v]) < len(list) {
			list = x[i][v]
		}
	}
	return list
}
