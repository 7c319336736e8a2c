package object

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// BuiltIn returns an object that the token itself has: CKO_PROFILE, CKO_MECHANISM
// or CKO_VALIDATION, with the number that tells it from others of its class. It is
// a public token object that cannot be changed, copied or destroyed, and its name is
// the same everywhere and for ever. more is shared.
func BuiltIn(class ck.ObjectClass, of ck.AttributeType, number uint64, label string, more ...ck.Attribute) *Object {
	attrs := append([]ck.Attribute{
		ck.Ulong(ck.CKA_CLASS, class),
		ck.Ulong(of, number),
		ck.String(ck.CKA_LABEL, label),
		ck.Bool(ck.CKA_TOKEN, true),
		ck.Bool(ck.CKA_PRIVATE, false),
		ck.Bool(ck.CKA_MODIFIABLE, false),
		ck.Bool(ck.CKA_COPYABLE, false),
		ck.Bool(ck.CKA_DESTROYABLE, false),
	}, more...)
	slices.SortFunc(attrs, func(a, b ck.Attribute) int { return cmp.Compare(a.Type, b.Type) })
	id := builtInID(class, number)
	return newObject(id, schemaOf(class, 0), withUniqueID(id, attrs))
}

// builtInID makes the name of a built-in object, in the space of the random ones.
func builtInID(class ck.ObjectClass, number uint64) (id api.ObjectID) {
	b := []byte("coffer built-in object")
	b = binary.LittleEndian.AppendUint64(b, uint64(class))
	b = binary.LittleEndian.AppendUint64(b, number)
	sum := sha256.Sum256(b)
	copy(id[:], sum[:])
	return id
}
