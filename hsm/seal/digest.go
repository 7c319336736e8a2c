package seal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math/bits"
	"runtime"
)

// SetDigest is the digest of a set of records: the sum of their tags modulo
// 2^256. The zero value is the digest of no records. It is safe against forgery
// only as long as nobody outside sees it or a tag: store it through SealState,
// never as it is (FORMAT.md, "Digest of the set", says why).
type SetDigest [32]byte

// Add puts a record, by its tag, into the set.
func (d *SetDigest) Add(tag [32]byte) { d.combine(tag, bits.Add64) }

// Remove takes a record, by its tag, out of the set.
func (d *SetDigest) Remove(tag [32]byte) { d.combine(tag, bits.Sub64) }

// combine adds or subtracts with carry, big endian, in constant time.
func (d *SetDigest) combine(tag [32]byte, op func(x, y, carry uint64) (uint64, uint64)) {
	var word, carry uint64
	for i := len(d) - 8; i >= 0; i -= 8 {
		word, carry = op(binary.BigEndian.Uint64(d[i:]), binary.BigEndian.Uint64(tag[i:]), carry)
		binary.BigEndian.PutUint64(d[i:], word)
	}
}

// RecordTag is the tag of a record for the digest of the set: HMAC-SHA-256 over
// its id and all its bytes. A wiped p gives random bytes, which fit nothing.
func (p *PartitionRoot) RecordTag(id [16]byte, sealed []byte) (tag [32]byte) {
	return p.Tagger().Tag(id, sealed)
}

// Tagger makes the tags of many records, sooner than RecordTag does. It is for one
// thread.
type Tagger struct {
	mac  hash.Hash // nil of a wiped root
	used bool
}

// Tagger returns a tagger of p's.
func (p *PartitionRoot) Tagger() *Tagger {
	if p.digest.Len() == 0 {
		return &Tagger{}
	}
	defer runtime.KeepAlive(p)
	return &Tagger{mac: hmac.New(sha256.New, p.digest.Expose())}
}

// Tag is RecordTag.
func (t *Tagger) Tag(id [16]byte, sealed []byte) (tag [32]byte) {
	if t.mac == nil {
		rand.Read(tag[:])
		return tag
	}
	if t.used {
		t.mac.Reset()
	}
	t.used = true
	t.mac.Write(id[:])
	t.mac.Write(sealed)
	t.mac.Sum(tag[:0])
	return tag
}

// MAC authenticates values of the partition's state: HMAC-SHA-256 over the label
// and the data, each with its length in front. Compare with hmac.Equal. A wiped
// p gives random bytes, which fit nothing.
func (p *PartitionRoot) MAC(label string, data ...[]byte) (tag [32]byte) {
	if p.header.Len() == 0 {
		rand.Read(tag[:])
		return tag
	}
	defer runtime.KeepAlive(p)
	return macUnder(p.header, label, data)
}

// SealState encrypts and authenticates the state of the partition (its digest,
// counters and the like) as of a generation of the store. label tells states of
// several kinds apart.
func (p *PartitionRoot) SealState(label string, generation uint64, plain []byte) ([]byte, error) {
	return sealTo([]byte{version}, p.state, plain, p.stateData(label, generation))
}

// OpenState is the reverse of SealState: ErrSealBroken.
func (p *PartitionRoot) OpenState(label string, generation uint64, sealed []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != version {
		return nil, ErrSealBroken
	}
	return openTo(nil, p.state, sealed[1:], p.stateData(label, generation))
}

func (p *PartitionRoot) stateData(label string, generation uint64) []byte {
	aad := append([]byte(prefix), version)
	aad = binary.BigEndian.AppendUint64(aad, generation)
	return append(aad, label...)
}
