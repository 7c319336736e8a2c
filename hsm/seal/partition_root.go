package seal

import (
	"crypto/rand"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// PartitionRoot holds the keys of one partition that the root key alone gives.
// It may be used from many threads at once, but not during or after Zero.
type PartitionRoot struct {
	id     [16]byte
	origin *secret.Bytes // what the others are expanded from; kept to be wrapped anew
	pepper *secret.Bytes // goes into every key made from a PIN
	wrap   *secret.Bytes // wraps keys that no PIN protects
	digest *secret.Bytes // tags records for the digest of the set
	header *secret.Bytes // authenticates the state of the partition
	state  *secret.Bytes // seals it
	audit  *secret.Bytes // signs the checkpoints of its log
}

// NewPartitionRoot makes random keys for a new partition with this id.
func NewPartitionRoot(id [16]byte) (*PartitionRoot, error) {
	origin := secret.New(KeySize)
	if _, err := rand.Read(origin.Expose()); err != nil {
		origin.Zero()
		return nil, err
	}
	return partitionRoot(id, origin)
}

// Partition derives the keys of the partition with this id, as those have them that
// were made before there were wraps. A Root that has been wiped gives a PartitionRoot
// on which everything fails.
func (r *Root) Partition(id [16]byte) *PartitionRoot {
	origin, err := extract(r.key.Expose(), append([]byte(prefix+"partition"), id[:]...))
	runtime.KeepAlive(r)
	if err != nil || r.key.Len() == 0 {
		origin.Zero()
		return &PartitionRoot{id: id}
	}
	p, err := partitionRoot(id, origin)
	if err != nil {
		return &PartitionRoot{id: id}
	}
	return p
}

// partitionRoot takes over origin and expands the keys.
func partitionRoot(id [16]byte, origin *secret.Bytes) (*PartitionRoot, error) {
	p := &PartitionRoot{id: id, origin: origin}
	for label, key := range map[string]**secret.Bytes{
		"pepper": &p.pepper, "wrap": &p.wrap, "digest": &p.digest, "header": &p.header, "state": &p.state, "audit": &p.audit,
	} {
		var err error
		if *key, err = expand(origin, label); err != nil {
			p.Zero()
			return nil, err
		}
	}
	return p, nil
}

// WrapPartition seals a partition root under the root key. The result is bound to
// the partition's id (FORMAT.md, "Wrapped partition root").
func (r *Root) WrapPartition(p *PartitionRoot) ([]byte, error) {
	wrap, err := expand(r.key, "partition wrap")
	if err != nil {
		return nil, err
	}
	defer wrap.Zero()
	return wrapUnder(wrap, &Key{p.origin}, "partition"+string(p.id[:]))
}

// UnwrapPartition is the reverse of WrapPartition: ErrSealBroken.
func (r *Root) UnwrapPartition(id [16]byte, blob []byte) (*PartitionRoot, error) {
	wrap, err := expand(r.key, "partition wrap")
	if err != nil {
		return nil, err
	}
	defer wrap.Zero()
	origin, err := unwrapUnder(wrap, blob, "partition"+string(id[:]))
	if err != nil {
		return nil, err
	}
	return partitionRoot(id, origin.key)
}

// Zero wipes the keys.
func (p *PartitionRoot) Zero() {
	for _, k := range []*secret.Bytes{p.origin, p.pepper, p.wrap, p.digest, p.header, p.state, p.audit} {
		k.Zero()
	}
}
