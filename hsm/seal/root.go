package seal

import (
	"encoding/hex"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Unsealer gives the root key.
type Unsealer interface {
	// Name says where the key comes from, for people.
	Name() string
	// Unseal returns the root key of KeySize bytes; the caller owns it.
	Unseal() (*secret.Bytes, error)
}

// Root is the root key of a store, above all its partitions.
type Root struct {
	key *secret.Bytes
}

// NewRoot takes over k, the KeySize bytes that an Unsealer returned.
func NewRoot(k *secret.Bytes) (*Root, error) {
	if k.Len() != KeySize {
		return nil, ErrKeyLength
	}
	return &Root{k}, nil
}

// Fingerprint names the root key for people: 16 hexadecimal digits that tell
// nothing about the key. A store can note it to say which key it wants.
func (r *Root) Fingerprint() (string, error) {
	id, err := expand(r.key, "fingerprint")
	if err != nil {
		return "", err
	}
	defer id.Zero()
	return hex.EncodeToString(id.Expose()[:8]), nil
}

// Zero wipes the root key. Partition roots made from it stay.
func (r *Root) Zero() { r.key.Zero() }

// PartitionRoot holds the keys of one partition that the root key alone gives.
// It may be used from many threads at once, but not during or after Zero.
type PartitionRoot struct {
	id     [16]byte
	pepper *secret.Bytes // goes into every key made from a PIN
	wrap   *secret.Bytes // wraps keys that no PIN protects
	digest *secret.Bytes // tags records for the digest of the set
	header *secret.Bytes // authenticates the state of the partition
	state  *secret.Bytes // seals it
}

// Partition derives the keys of the partition with this id. A Root that has been
// wiped gives a PartitionRoot on which everything fails.
func (r *Root) Partition(id [16]byte) *PartitionRoot {
	p := &PartitionRoot{id: id}
	prk, err := extract(r.key.Expose(), append([]byte(prefix+"partition"), id[:]...))
	runtime.KeepAlive(r)
	if err != nil || r.key.Len() == 0 {
		return p
	}
	defer prk.Zero()
	for label, key := range map[string]**secret.Bytes{
		"pepper": &p.pepper, "wrap": &p.wrap, "digest": &p.digest, "header": &p.header, "state": &p.state,
	} {
		if *key, err = expand(prk, label); err != nil {
			p.Zero()
			return p
		}
	}
	return p
}

// Zero wipes the keys.
func (p *PartitionRoot) Zero() {
	for _, k := range []*secret.Bytes{p.pepper, p.wrap, p.digest, p.header, p.state} {
		k.Zero()
	}
}
