package partition

import (
	"encoding/binary"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// The layout of a record (FORMAT.md).
const (
	recordVersion     = 1 // of records of the first term
	termRecordVersion = 2 // of all others
	kindPublic        = 0
	kindPrivate       = 1
	recordHeader      = 1 + 1 + 8 + 8 + 4
	termSize          = 4 // in a record of termRecordVersion, before the header's numbers

	partAttributes = 1
	partMaterial   = 2
)

// record is a record taken apart: both parts still sealed.
type record struct {
	private              bool
	term                 uint32 // of the partition key that seals it
	born, generation     uint64
	attributes, material []byte
}

func kindOf(private bool) byte {
	if private {
		return kindPrivate
	}
	return kindPublic
}

// size is the length of encode in bytes.
func (r *record) size() int {
	n := recordHeader + len(r.attributes) + len(r.material)
	if r.term != firstTerm {
		n += termSize
	}
	return n
}

func (r *record) encode() []byte {
	b := make([]byte, 0, r.size())
	if r.term == firstTerm {
		b = append(b, recordVersion, kindOf(r.private))
	} else {
		b = append(b, termRecordVersion, kindOf(r.private))
		b = binary.LittleEndian.AppendUint32(b, r.term)
	}
	b = binary.LittleEndian.AppendUint64(b, r.born)
	b = binary.LittleEndian.AppendUint64(b, r.generation)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.attributes)))
	b = append(b, r.attributes...)
	return append(b, r.material...)
}

// splitRecord takes a record apart. The result shares memory with b.
func splitRecord(b []byte) (r record, err error) {
	if len(b) < recordHeader || b[1] > kindPrivate {
		return record{}, damaged("a record has a wrong header")
	}
	r.private = b[1] == kindPrivate
	switch b[0] {
	case recordVersion:
		r.term, b = firstTerm, b[2:]
	case termRecordVersion:
		r.term, b = binary.LittleEndian.Uint32(b[2:]), b[2+termSize:]
	default:
		return record{}, damaged("a record has version %d", b[0])
	}
	if len(b) < recordHeader-2 {
		return record{}, damaged("a record is too short")
	}
	r.born = binary.LittleEndian.Uint64(b)
	r.generation = binary.LittleEndian.Uint64(b[8:])
	size, body := binary.LittleEndian.Uint32(b[16:]), b[20:]
	if uint64(size) > uint64(len(body)) {
		return record{}, damaged("a record is too short")
	}
	r.attributes, r.material = body[:size:size], body[size:]
	return r, nil
}

// decodeRecord takes a record apart. The result does not share memory with b,
// which belongs to a transaction.
func decodeRecord(b []byte) (record, error) { return splitRecord(slices.Clone(b)) }

func (p *Partition) place(id api.ObjectID, generation uint64, part byte) seal.Place {
	return seal.Place{Partition: p.id, Record: id, Generation: generation, Part: part}
}

// sealObject makes the record of an object, under the last term.
func (p *Partition) sealObject(under *ring, o *object.Object, m *object.Material, born, generation uint64) (r record, err error) {
	secret.Do(func() { r, err = p.sealParts(under, o, m, born, generation) })
	return r, err
}

func (p *Partition) sealParts(under *ring, o *object.Object, m *object.Material, born, generation uint64) (record, error) {
	r := record{private: o.Private(), term: under.last, born: born, generation: generation}
	k := under.keys[under.last]
	var err error
	if r.attributes, err = k.Seal(p.place(o.ID(), generation, partAttributes), o.Encode()); err != nil {
		return record{}, err
	}
	if m != nil {
		r.material, err = k.Seal(p.place(o.ID(), generation, partMaterial), m.Secret().Expose())
	}
	return r, err
}

// bytesOpener is a seal.Key, or its Opener where there are many records.
type bytesOpener interface {
	OpenBytes(at seal.Place, sealed []byte) ([]byte, error)
}

func (p *Partition) openObject(k bytesOpener, id api.ObjectID, r record) (*object.Object, error) {
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
	var b *secret.Bytes
	var err error
	at := p.place(id, r.generation, partMaterial)
	secret.Do(func() { b, err = k.Open(at, r.material) })
	if err != nil {
		return nil, damaged("object %x: %w", id, err)
	}
	m, err := object.NewMaterial(b)
	if err != nil {
		return nil, damaged("object %x: %w", id, err)
	}
	return m, nil
}
