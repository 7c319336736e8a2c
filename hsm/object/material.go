package object

import (
	"encoding/binary"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// newMaterial gathers the values of secrets, sorted by type, in one place. It
// returns nil if there are none.
func newMaterial(secrets []ck.Attribute) *Material {
	if len(secrets) == 0 {
		return nil
	}
	n := 1
	for _, a := range secrets {
		n += numberLen(uint64(a.Type)) + numberLen(uint64(len(a.Value))) + len(a.Value)
	}
	s := secret.Owned(n)
	b := append(s.Expose()[:0], formatVersion) // n is exact: it stays in place
	for _, a := range secrets {
		b = binary.AppendUvarint(b, uint64(a.Type))
		b = binary.AppendUvarint(b, uint64(len(a.Value)))
		b = append(b, a.Value...)
	}
	return (*Material)(s)
}

// NewMaterial takes the encoding of a material (FORMAT.md), which the Material owns
// from here on. Damaged bytes are refused, and stay the caller's.
func NewMaterial(b *secret.Bytes) (*Material, error) {
	r := reader{b: b.Expose()}
	if !r.version() {
		return nil, errDamaged
	}
	for len(r.b) > 0 {
		if _, _, ok := r.secret(); !ok {
			return nil, errDamaged
		}
	}
	return (*Material)(b), nil
}

// secret reads the next type, length and value.
func (r *reader) secret() (t ck.AttributeType, value []byte, ok bool) {
	if t, ok = r.typ(); !ok {
		return 0, nil, false
	}
	size, ok := r.number()
	if !ok {
		return 0, nil, false
	}
	value, ok = r.bytes(size)
	return t, value, ok
}

// Get returns the value of a secret attribute, ok false if there is none. The
// slice is the secret itself: good until Zero, for as long as the Material is
// referred to, and not to be changed.
func (m *Material) Get(t ck.AttributeType) (value []byte, ok bool) {
	r := reader{b: m.Secret().Expose()}
	for r.version(); len(r.b) > 0; {
		found, v, ok := r.secret()
		if !ok {
			return nil, false
		}
		if found == t {
			return v, true
		}
	}
	return nil, false
}

// Secret returns the encoding, which stays the Material's.
func (m *Material) Secret() *secret.Bytes { return (*secret.Bytes)(m) }

// Clone returns a second Material with an owner of its own; nil for nil.
func (m *Material) Clone() *Material {
	if m == nil {
		return nil
	}
	return (*Material)(m.Secret().Clone())
}

// Abandon has the secrets wiped when nobody refers to the Material any more.
func (m *Material) Abandon() { m.Secret().Abandon() }

// Zero wipes the secrets. The Material is empty afterwards.
func (m *Material) Zero() { m.Secret().Zero() }
