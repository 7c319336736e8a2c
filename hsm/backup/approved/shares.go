package approved

import "github.com/coffer-hsm/coffer/hsm/secret"

// Shares is a Recipient and an Identity: the key of 32 bytes that custodians share. Whoever
// made it wipes it.
type Shares struct{ Key *secret.Bytes }

func (s Shares) kek() (*secret.Bytes, error) {
	if s.Key.Len() != keySize {
		return nil, ErrKey
	}
	return derive(s.Key, nil, "shares")
}

func (s Shares) wrap(fileKey *secret.Bytes) (entry, error) {
	kek, err := s.kek()
	if err != nil {
		return entry{}, err
	}
	sealed, err := sealKey(kek, fileKey, []byte(prefix+"shares"))
	return entry{kindShares, sealed}, err
}

func (s Shares) unwrap(e entry) (*secret.Bytes, error) {
	kek, err := s.kek()
	if err != nil || e.kind != kindShares {
		kek.Zero()
		return nil, ErrKey
	}
	return openKey(kek, e.body, []byte(prefix+"shares"))
}
