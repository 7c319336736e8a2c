package seal

import (
	"encoding/hex"

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
