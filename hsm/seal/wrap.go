package seal

import (
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// WrapKey seals a key under the partition root alone: no PIN is needed to get it
// back. purpose is bound to the result.
func (p *PartitionRoot) WrapKey(k *Key, purpose string) ([]byte, error) {
	return wrapUnder(p.wrap, k, purpose)
}

// UnwrapKey is the reverse of WrapKey: ErrSealBroken.
func (p *PartitionRoot) UnwrapKey(blob []byte, purpose string) (*Key, error) {
	return unwrapUnder(p.wrap, blob, purpose)
}

// WrapKey seals another key of the partition under k. purpose is bound to the result.
func (k *Key) WrapKey(partition [16]byte, other *Key, purpose string) ([]byte, error) {
	wrap, err := expand(k.key, "key wrap", partition[:])
	if err != nil {
		return nil, err
	}
	defer wrap.Zero()
	return wrapUnder(wrap, other, purpose)
}

// UnwrapKey is the reverse of WrapKey: ErrSealBroken.
func (k *Key) UnwrapKey(partition [16]byte, blob []byte, purpose string) (*Key, error) {
	wrap, err := expand(k.key, "key wrap", partition[:])
	if err != nil {
		return nil, err
	}
	defer wrap.Zero()
	return unwrapUnder(wrap, blob, purpose)
}

func wrapUnder(wrap *secret.Bytes, k *Key, purpose string) ([]byte, error) {
	defer runtime.KeepAlive(k)
	if k.key.Len() != KeySize {
		return nil, ErrWiped
	}
	return sealTo([]byte{version}, wrap, k.key.Expose(), wrapData(purpose))
}

func unwrapUnder(wrap *secret.Bytes, blob []byte, purpose string) (*Key, error) {
	if len(blob) != Overhead+KeySize || blob[0] != version {
		return nil, ErrSealBroken
	}
	key, err := openSecret(wrap, blob[1:], wrapData(purpose))
	if err != nil {
		return nil, err
	}
	return &Key{key}, nil
}

func wrapData(purpose string) []byte {
	aad := append([]byte(prefix), version)
	return append(aad, purpose...)
}
