package partition

import (
	"encoding/binary"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// The layout of a record (FORMAT.md).
const (
	recordVersion = 1
	kindPublic    = 0
	kindPrivate   = 1
	recordHeader  = 1 + 1 + 8 + 8 + 4

	partAttributes = 1
	partMaterial   = 2
)

// record is a record taken apart: both parts still sealed.
type record struct {
	private              bool
	born, generation     uint64
	attributes, material []byte
}

func (r record) encode() []byte {
	b := make([]byte, 0, recordHeader+len(r.attributes)+len(r.material))
	kind := byte(kindPublic)
	if r.private {
		kind = kindPrivate
	}
	b = append(b, recordVersion, kind)
	b = binary.LittleEndian.AppendUint64(b, r.born)
	b = binary.LittleEndian.AppendUint64(b, r.generation)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.attributes)))
	b = append(b, r.attributes...)
	return append(b, r.material...)
}

// decodeRecord takes a record apart. The result does not share memory with b,
// which belongs to a transaction.
func decodeRecord(b []byte) (record, error) {
	if len(b) < recordHeader || b[0] != recordVersion || b[1] > kindPrivate {
		return record{}, damaged("a record has a wrong header")
	}
	size := binary.LittleEndian.Uint32(b[18:])
	body := b[recordHeader:]
	if uint64(size) > uint64(len(body)) {
		return record{}, damaged("a record is too short")
	}
	body = slices.Clone(body)
	return record{
		private:    b[1] == kindPrivate,
		born:       binary.LittleEndian.Uint64(b[2:]),
		generation: binary.LittleEndian.Uint64(b[10:]),
		attributes: body[:size:size],
		material:   body[size:],
	}, nil
}

func (p *Partition) place(id api.ObjectID, generation uint64, part byte) seal.Place {
	return seal.Place{Partition: p.id, Record: id, Generation: generation, Part: part}
}

// keyOf returns the partition key that seals a record: nil for a private record
// when nobody has logged in.
func (p *Partition) keyOf(private bool) *seal.Key {
	if private {
		return p.private
	}
	return p.public
}

func (w *writer) keyOf(private bool) *seal.Key {
	if private {
		return w.private
	}
	return w.public
}

// sealObject makes the record of an object.
func (p *Partition) sealObject(k *seal.Key, o *object.Object, m *object.Material, born, generation uint64) (record, error) {
	r := record{private: o.Private(), born: born, generation: generation}
	var err error
	if r.attributes, err = k.Seal(p.place(o.ID(), generation, partAttributes), o.Encode()); err != nil {
		return record{}, err
	}
	if m != nil {
		r.material, err = k.Seal(p.place(o.ID(), generation, partMaterial), m.Secret().Expose())
	}
	return r, err
}

func (p *Partition) openObject(k *seal.Key, id api.ObjectID, r record) (*object.Object, error) {
	attributes, err := k.OpenBytes(p.place(id, r.generation, partAttributes), r.attributes)
	if err != nil {
		return nil, damaged("object %x: %w", id, err)
	}
	o, err := object.Decode(id, attributes)
	if err != nil {
		return nil, damaged("object %x: %w", id, err)
	}
	return o, nil
}

// openMaterial unseals the secret of a record; nil if it has none.
func (p *Partition) openMaterial(k *seal.Key, id api.ObjectID, r record) (*object.Material, error) {
	if len(r.material) == 0 {
		return nil, nil
	}
	b, err := k.Open(p.place(id, r.generation, partMaterial), r.material)
	if err != nil {
		return nil, damaged("object %x: %w", id, err)
	}
	m, err := object.NewMaterial(b)
	if err != nil {
		return nil, damaged("object %x: %w", id, err)
	}
	return m, nil
}
