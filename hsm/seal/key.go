package seal

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Key is a partition key: it seals the records of one kind (public or private)
// of one partition. It may be used from many threads at once, but not during or
// after Zero.
type Key struct {
	key *secret.Bytes
}

// NewKey makes a random key.
func NewKey() (*Key, error) {
	k := secret.New(KeySize)
	if _, err := rand.Read(k.Expose()); err != nil {
		k.Zero()
		return nil, err
	}
	return &Key{k}, nil
}

// Clone returns a second key with the same value, for an owner who outlives the
// first.
func (k *Key) Clone() *Key { return &Key{k.key.Clone()} }

// Zero wipes the key.
func (k *Key) Zero() { k.key.Zero() }

// Place is where a sealed value stands. All of it is bound to the value, which
// opens nowhere else.
type Place struct {
	Partition, Record [16]byte
	Generation        uint64 // of the record, as it was written
	Part              byte   // which of the record's parts
}

// associated is the data that binds a value to its place.
func (at Place) associated() []byte {
	aad := append(make([]byte, 0, 64), prefix...)
	aad = append(aad, version)
	aad = append(aad, at.Partition[:]...)
	aad = append(aad, at.Record[:]...)
	aad = binary.BigEndian.AppendUint64(aad, at.Generation)
	return append(aad, at.Part)
}

// record derives the key of one generation of one record.
func (k *Key) record(at Place) (*secret.Bytes, error) {
	generation := binary.BigEndian.AppendUint64(nil, at.Generation)
	return expand(k.key, "record", at.Partition[:], at.Record[:], generation)
}

// Seal encrypts and authenticates plain for its place. The result is Overhead
// bytes longer.
func (k *Key) Seal(at Place, plain []byte) ([]byte, error) {
	key, err := k.record(at)
	if err != nil {
		return nil, err
	}
	defer key.Zero()
	out := append(make([]byte, 0, Overhead+len(plain)), version)
	return sealTo(out, key, plain, at.associated())
}

// Overhead is how much longer Seal makes a value.
const Overhead = 1 + overhead

// Open returns the secret that was sealed at this place: ErrSealBroken.
func (k *Key) Open(at Place, sealed []byte) (*secret.Bytes, error) {
	key, err := k.opening(at, sealed)
	if err != nil {
		return nil, err
	}
	defer key.Zero()
	return openSecret(key, sealed[1:], at.associated())
}

// OpenBytes is Open for what is not secret: the result is ordinary memory.
func (k *Key) OpenBytes(at Place, sealed []byte) ([]byte, error) {
	return k.Opener().OpenBytes(at, sealed)
}

// opening returns the key for a sealed value of the right version.
func (k *Key) opening(at Place, sealed []byte) (*secret.Bytes, error) {
	if len(sealed) < Overhead || sealed[0] != version {
		return nil, ErrSealBroken
	}
	return k.record(at)
}
