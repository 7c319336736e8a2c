package approved

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

const (
	saltSize  = 32
	maxRounds = 10_000_000 // some ten seconds: a file is read before it is authenticated
)

// Passphrase is a Recipient and an Identity. Each file has a salt of its own. Zero wipes it.
type Passphrase struct {
	passphrase *secret.Bytes
	rounds     uint32
}

// ToPassphrase seals for a passphrase, of which it keeps a copy: seal.ErrShortPassphrase.
func ToPassphrase(p *secret.Bytes) (*Passphrase, error) {
	if p.Len() < seal.MinPassphrase {
		return nil, seal.ErrShortPassphrase
	}
	return ByPassphrase(p), nil
}

// ByPassphrase opens with a passphrase, of which it keeps a copy. One that is too short is
// as wrong as any other.
func ByPassphrase(p *secret.Bytes) *Passphrase {
	return &Passphrase{p.Clone(), seal.ApprovedStretching().Rounds}
}

// Zero wipes the passphrase.
func (p *Passphrase) Zero() { p.passphrase.Zero() }

func (p *Passphrase) wrap(fileKey *secret.Bytes) (entry, error) {
	head := binary.BigEndian.AppendUint32(nil, p.rounds)
	salt := make([]byte, saltSize)
	rand.Read(salt)
	kek, err := seal.Stretching{Rounds: p.rounds}.Key(p.passphrase, salt)
	if err != nil {
		return entry{}, err
	}
	head = append(head, salt...)
	sealed, err := sealKey(kek, fileKey, passphraseData(head))
	return entry{kindPassphrase, append(head, sealed...)}, err
}

func (p *Passphrase) unwrap(e entry) (*secret.Bytes, error) {
	if e.kind != kindPassphrase {
		return nil, ErrKey
	}
	head := e.body[:4+saltSize]
	rounds := binary.BigEndian.Uint32(head)
	if rounds < seal.MinRounds || rounds > maxRounds {
		return nil, ErrKey
	}
	kek, err := seal.Stretching{Rounds: rounds}.Key(p.passphrase, head[4:])
	if err != nil {
		return nil, ErrKey
	}
	return openKey(kek, e.body[len(head):], passphraseData(head))
}

// passphraseData binds rounds and salt.
func passphraseData(head []byte) []byte { return slices.Concat([]byte(prefix+"passphrase"), head) }

// sealKey seals a file key under kek, which it wipes.
func sealKey(kek, fileKey *secret.Bytes, aad []byte) ([]byte, error) {
	defer kek.Zero()
	aead, err := newAEAD(kek)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, fileKey.Expose(), aad), nil
}

// openKey is the reverse of sealKey: ErrKey.
func openKey(kek *secret.Bytes, sealed, aad []byte) (*secret.Bytes, error) {
	defer kek.Zero()
	aead, err := newAEAD(kek)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	fileKey := secret.New(keySize)
	if plain, err := aead.Open(fileKey.Expose()[:0], nil, sealed, aad); err != nil || len(plain) != keySize {
		fileKey.Zero()
		return nil, ErrKey
	}
	return fileKey, nil
}
