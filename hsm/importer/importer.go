// Package importer brings keys, certificates and data from other stores into a
// partition. Packages below it read one kind of store each and know nothing of
// partitions; this one knows nothing of stores.
//
// A Source is what was read, as attributes of PKCS #11. Plan rehearses it: each object
// is made in the partition itself as a session object, which never reaches the disk,
// so that the partition's own rules say what it takes, and a dry run tells the truth.
// Plan.Write then makes all of them in one transaction.
//
// The tool alone uses it; the PKCS #11 library does not have it.
package importer

import (
	"errors"
	"fmt"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// What is wrong with a source. Errors of the packages below wrap one of them.
var (
	// ErrPassword is for a password or PIN that does not open the source. Damage of what
	// is under the password looks the same.
	ErrPassword = errors.New("wrong password or PIN, or damaged")
	// ErrFormat is for what is not a source of the kind, or a damaged one.
	ErrFormat = errors.New("not in the expected format, or damaged")
	// ErrUnsupported is for a source of the kind that is sealed by means not known here.
	ErrUnsupported = errors.New("not supported")
	// ErrBusy is for a source that a program is changing, or was when it was killed.
	ErrBusy = errors.New("in use")
)

// Formatf makes an ErrFormat. The arguments must not be secret.
func Formatf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// Object is an object of another store. Attrs is in the encodings of package ck, its
// values are the object's own, and some of them are secret: the owner wipes it.
type Object struct {
	Where string // where in the source it stands, for a person
	Attrs ck.Template
	Notes []string // what a person should know of how it was read
}

// Wipe overwrites every value.
func (o *Object) Wipe() { wipe(o.Attrs) }

// wipe overwrites the values of attributes, those within attributes too.
func wipe(attrs []ck.Attribute) {
	for _, a := range attrs {
		clear(a.Value)
		wipe(a.Nested)
	}
}

// Left is what a source has that is not for a partition.
type Left struct {
	Where string
	What  string // as far as it can be told
	Why   string
	// Harmless is for what no program would miss; it does not stand in the way of
	// importing all the rest.
	Harmless bool
}

// Source is all that was read of another store.
type Source struct {
	Kind    string // SoftHSM2 token, PKCS #12 file and so on
	Name    string // for a person: a kind and a path
	Label   string // of the token, if it has one
	Objects []Object
	Left    []Left

	Progress func(done, total int) // counts objects in a rehearsal, the longest part; may be nil
}

// Wipe overwrites all secrets of the source.
func (s *Source) Wipe() {
	for i := range s.Objects {
		s.Objects[i].Wipe()
	}
}

// Value returns the value of an attribute; nil if it is not there.
func (o *Object) Value(t ck.AttributeType) []byte {
	a, _ := o.Attrs.Find(t)
	return a.Value
}

// Class is the CKA_CLASS of the object.
func (o *Object) Class() ck.ObjectClass {
	c, _ := o.Attrs.Ulong(ck.CKA_CLASS)
	return ck.ObjectClass(c)
}

// KeyType is the CKA_KEY_TYPE of the object, if it is a key.
func (o *Object) KeyType() (ck.KeyType, bool) {
	kt, ok := o.Attrs.Ulong(ck.CKA_KEY_TYPE)
	return ck.KeyType(kt), ok
}

// Set gives the object an attribute, in place of the one of that type.
func (o *Object) Set(a ck.Attribute) { o.Attrs = with(o.Attrs, a) }

// Drop takes an attribute from the object.
func (o *Object) Drop(t ck.AttributeType) { o.Attrs = without(o.Attrs, t) }

// With returns the object with more attributes.
func (o Object) With(attrs ...ck.Attribute) Object {
	for _, a := range attrs {
		o.Set(a)
	}
	return o
}
