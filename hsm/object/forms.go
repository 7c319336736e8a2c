package object

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync/atomic"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// Forms remembers what became of templates. Programs make their session keys by the same
// one again and again, and all that differs between such keys is the id, the value and
// perhaps the names: the attributes are made once, held against the policy once, and
// shared, or copied with other names. There is nothing secret in a form. The zero Forms
// is empty; it may be used from many threads.
//
// It takes requests for secret keys with Deferred, whose Made follows from the template
// and the length of the value; of others it has nothing and keeps nothing, nor of keys
// whose value is held against rules of its own.
type Forms struct {
	places [64]formPlace
}

// formPlace is where the forms are whose template has a certain hash. What comes once is
// not kept.
type formPlace struct {
	last atomic.Uint64 // the hash that was here last
	form atomic.Pointer[form]
}

// form is what all objects of a template have in common.
type form struct {
	so     bool
	given  ck.Template // CKA_VALUE is any one of its length
	object Object      // less its id
	names  []nameAt    // in the order in which they are in the encoding
}

// nameAt is where a name stands: which attribute of given, and what it takes of the
// object's encoding.
type nameAt struct{ given, begin, end int }

// isName reports whether t is what programs tell objects apart by: any bytes, of which no
// rule says anything.
func isName(t ck.AttributeType) bool { return t == ck.CKA_LABEL || t == ck.CKA_ID }

// largestForm bounds what a form takes, in bytes of template and attributes.
const largestForm = 1 << 10

var formSeed = maphash.MakeSeed()

// New is the function New, if the same template has been kept: an object that the policy
// has allowed, and its material, which are the caller's as they are with New. Made is not
// looked at. o is nil if there is no such form.
func (f *Forms) New(r *Request) (o *Object, m *Material) {
	value, hash, ok := hashOf(r)
	if !ok {
		return nil, nil
	}
	kept := f.place(hash).form.Load()
	if kept == nil || !kept.fits(r) {
		return nil, nil
	}
	o = new(Object)
	*o = kept.object
	o.id = newIDIn(r.Lane)
	if !kept.named(r) {
		o.packed = kept.renamed(r)
	}
	secrets := [...]ck.Attribute{{Type: ck.CKA_VALUE, Value: value}}
	return o, newMaterial(secrets[:])
}

// Keep remembers o, which r has become, if it is asked to do so a second time.
func (f *Forms) Keep(r *Request, o *Object) {
	_, hash, ok := hashOf(r)
	if !ok || o.packed == nil || o.class != ck.CKO_SECRET_KEY || o.keyType == ck.CKK_AES_XTS {
		return
	}
	place := f.place(hash)
	if place.last.Swap(hash) != hash {
		return
	}
	size := o.Size()
	for i := range r.Template {
		size += len(r.Template[i].Value)
	}
	if size > largestForm {
		return
	}
	place.form.Store(newForm(r, o))
}

func newForm(r *Request, o *Object) *form {
	f := &form{so: r.SO, object: *o}
	for i, a := range r.Template {
		if a.Type == ck.CKA_VALUE {
			a.Value = make([]byte, len(a.Value))
		}
		a.Value = bytes.Clone(a.Value)
		f.given = append(f.given, a)
		if isName(a.Type) {
			begin, end := o.extent(a.Type)
			f.names = append(f.names, nameAt{i, begin, end})
		}
	}
	slices.SortFunc(f.names, func(a, b nameAt) int { return a.begin - b.begin })
	return f
}

// named reports whether r, which fits, has the names of the form.
func (f *form) named(r *Request) bool {
	for _, n := range f.names {
		if !bytes.Equal(f.given[n.given].Value, r.Template[n.given].Value) {
			return false
		}
	}
	return true
}

// renamed is the encoding with the names of r, which fits.
func (f *form) renamed(r *Request) []byte {
	size := len(f.object.packed)
	for _, n := range f.names {
		size += attributeLen(&r.Template[n.given]) - (n.end - n.begin)
	}
	b, done := make([]byte, 0, size), 0
	for _, n := range f.names {
		b = append(b, f.object.packed[done:n.begin]...)
		b = appendAttribute(b, &r.Template[n.given])
		done = n.end
	}
	return append(b, f.object.packed[done:]...)
}

// Clear forgets all.
func (f *Forms) Clear() {
	for i := range f.places {
		f.places[i].last.Store(0)
		f.places[i].form.Store(nil)
	}
}

func (f *Forms) place(hash uint64) *formPlace { return &f.places[hash%uint64(len(f.places))] }

// hashOf returns the value of the key that is asked for, and what stands for the rest of
// the template. ok is false for requests that have no form; to give a value or a name
// twice may be an error or not.
func hashOf(r *Request) (value []byte, hash uint64, ok bool) {
	if !r.Deferred || r.Origin != Created {
		return nil, 0, false
	}
	label, id := false, false
	for i := range r.Template {
		a := &r.Template[i]
		switch {
		case a.Nested != nil, a.Type == ck.CKA_VALUE && value != nil,
			a.Type == ck.CKA_LABEL && label, a.Type == ck.CKA_ID && id:
			return nil, 0, false
		case a.Type == ck.CKA_VALUE:
			value = a.Value
		}
		label, id = label || a.Type == ck.CKA_LABEL, id || a.Type == ck.CKA_ID
		hash = mixed(mixed(hash, uint64(a.Type)), sumOf(a))
	}
	return value, hash, value != nil
}

// sumOf stands for a value, and for the length of a secret one; names are all the same.
func sumOf(a *ck.Attribute) uint64 {
	switch {
	case isName(a.Type):
		return 0
	case a.Type == ck.CKA_VALUE:
		return uint64(len(a.Value))
	case len(a.Value) == 8:
		return binary.LittleEndian.Uint64(a.Value)
	case len(a.Value) == 1:
		return uint64(a.Value[0])
	}
	return maphash.Bytes(formSeed, a.Value)
}

// mixed adds a word to a hash: Fibonacci hashing, which moves it to the upper bits, and
// these down again.
func mixed(hash, word uint64) uint64 {
	hash = (hash ^ word) * 0x9e3779b97f4a7c15
	return hash ^ hash>>32
}

// fits reports whether r asks for what the form is of, names apart. Secrets are not looked
// at.
func (f *form) fits(r *Request) bool {
	if len(f.given) != len(r.Template) || f.so != r.SO {
		return false
	}
	for i := range f.given {
		a, b := &f.given[i], &r.Template[i]
		switch {
		case a.Type != b.Type:
			return false
		case isName(a.Type):
		case len(a.Value) != len(b.Value), a.Type != ck.CKA_VALUE && !bytes.Equal(a.Value, b.Value):
			return false
		}
	}
	return true
}
