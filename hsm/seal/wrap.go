package seal

import "runtime"

// WrapKey seals a key under the partition root alone: no PIN is needed to get it
// back. purpose is bound to the result.
func (p *PartitionRoot) WrapKey(k *Key, purpose string) ([]byte, error) {
	defer runtime.KeepAlive(k)
	if k.key.Len() != KeySize {
		return nil, ErrWiped
	}
	return sealTo([]byte{version}, p.wrap, k.key.Expose(), wrapData(purpose))
}

// UnwrapKey is the reverse of WrapKey: ErrSealBroken.
func (p *PartitionRoot) UnwrapKey(blob []byte, purpose string) (*Key, error) {
	if len(blob) != Overhead+KeySize || blob[0] != version {
		return nil, ErrSealBroken
	}
	key, err := openSecret(p.wrap, blob[1:], wrapData(purpose))
	if err != nil {
		return nil, err
	}
	return &Key{key}, nil
}

func wrapData(purpose string) []byte {
	aad := append([]byte(prefix), version)
	return append(aad, purpose...)
}
