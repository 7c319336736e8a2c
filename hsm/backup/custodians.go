package backup

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm/backup/approved"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/seal/share"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Custodians are those who open one backup together, so many of so many of them.
type Custodians struct {
	id    [16]byte // of the backup
	known share.Known
	to    *sharedKey
}

// Deal makes a key for a backup that is to be made, and splits it: any needed of total
// shares open it. The caller hands the shares out and wipes them, and the Custodians:
// share.ErrCount.
func Deal(needed, total int) (*Custodians, []*share.Share, error) {
	c := &Custodians{}
	rand.Read(c.id[:])
	key, shares, err := share.Deal(share.Backup, [8]byte(c.id[:8]), needed, total)
	if err != nil {
		return nil, nil, err
	}
	c.known, c.to = share.KnownOf(shares), &sharedKey{key}
	return c, shares, nil
}

// Name is what people call the backup: the first half of its ID.
func (c *Custodians) Name() string { return hex.EncodeToString(c.id[:8]) }

// Zero wipes the key.
func (c *Custodians) Zero() { c.to.key.Zero() }

// Known is the set of shares that opens the backup; ok is false if none does.
func (c *Contents) Known() (known share.Known, ok bool, err error) {
	if c.Shares == nil || len(c.ID) < 16 {
		return share.Known{}, false, nil
	}
	known, err = share.ParseKnown(share.Backup, c.ID[:16], c.Shares)
	return known, true, err
}

// ApprovedCustodians opens a backup of version 2 with the key that shares have given, as
// ByCustodians does one of version 1.
func ApprovedCustodians(key *secret.Bytes) approved.Identity { return approved.Shares{Key: key} }

// ByCustodians opens a backup with the key that shares have given, which it takes over.
func ByCustodians(key *secret.Bytes) Identities { return Identities{&sharedKey{key}} }

// sharedKey is an age recipient and identity (FORMAT.md, "Custodians").
type sharedKey struct{ key *secret.Bytes }

const stanzaShares = "coffer-shares"

func (k *sharedKey) aead() (cipher.AEAD, error) {
	if k.key.Len() != share.KeySize {
		return nil, seal.ErrWiped
	}
	kek, err := hkdf.Key(sha256.New, k.key.Expose(), nil, "coffer/backup/1 shares", 32)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Wrap is of age.Recipient.
func (k *sharedKey) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	return []*age.Stanza{{Type: stanzaShares, Body: aead.Seal(nil, nil, fileKey, nil)}}, nil
}

// Unwrap is of age.Identity.
func (k *sharedKey) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	for _, s := range stanzas {
		if s.Type != stanzaShares {
			continue
		}
		if fileKey, err := aead.Open(nil, nil, s.Body, nil); err == nil && len(fileKey) == fileKeySize {
			return fileKey, nil
		}
	}
	return nil, age.ErrIncorrectIdentity
}

// fileKeySize is age's.
const fileKeySize = 16

var (
	errNobody = errors.New("a backup is made for somebody: a passphrase, recipients or custodians")
	errMixed  = errors.New("a backup is for recipients of age, or with approved algorithms for those on P-256, and not for both")
)
