package backup

import (
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// MinPassphrase is the least length in bytes of a passphrase for a backup: it can be
// guessed by whoever has the file, for as long as he likes.
const MinPassphrase = 8

// Recipients are whom a backup is made for; Identities open one.
type (
	Recipients = []age.Recipient
	Identities = []age.Identity
)

// ToPassphrase makes backups that a passphrase opens (scrypt, RFC 7914, with age's
// parameters: about a second for each guess). age takes it as a string, so a copy stays
// in memory until the process ends.
func ToPassphrase(p *secret.Bytes) (Recipients, error) {
	if p.Len() < MinPassphrase {
		return nil, fmt.Errorf("a passphrase for a backup has at least %d bytes", MinPassphrase)
	}
	r, err := age.NewScryptRecipient(string(p.Expose()))
	if err != nil {
		return nil, err
	}
	return Recipients{r}, nil
}

// ToRecipients reads recipients, one a line as age has them ("age1..."), whose
// identities each open the backup.
func ToRecipients(r io.Reader) (Recipients, error) { return age.ParseRecipients(r) }

// ByPassphrase opens backups with a passphrase.
func ByPassphrase(p *secret.Bytes) (Identities, error) {
	i, err := age.NewScryptIdentity(string(p.Expose()))
	if err != nil {
		return nil, err
	}
	return Identities{i}, nil
}

// ByIdentities reads identities as age-keygen writes them ("AGE-SECRET-KEY-1...").
func ByIdentities(r io.Reader) (Identities, error) { return age.ParseIdentities(r) }
