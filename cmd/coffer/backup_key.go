package main

import (
	"bytes"
	"crypto/fips140"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/backup"
	"github.com/coffer-hsm/coffer/hsm/backup/approved"
	"github.com/coffer-hsm/coffer/hsm/seal/share"
)

// backupKey is what opens backups: the files of --identity, shares, or a passphrase.
type backupKey struct {
	pass   pinSource
	shares collectOptions
}

// newBackupKey reads the passphrase from another place than that of the root key: the
// two have no business being the same.
func newBackupKey() *backupKey {
	return &backupKey{pass: pinSource{who: "passphrase of the backup", flag: "passphrase-file", env: "COFFER_BACKUP_PASSPHRASE"}}
}

func (k *backupKey) register(c *cobra.Command) {
	k.pass.register(c)
	c.Flags().StringArrayVarP(&k.shares.identities, "identity", "i", nil, "open it, or shares, with the age identity or the private key (PEM, P-256) in `FILE`; may be given again")
	c.Flags().StringArrayVar(&k.shares.files, "share-file", nil, "read a share from `FILE`; once for each (default: ask at the terminal)")
}

// open gets all that opens the files of a chain.
func (k *backupKey) open(t *tool, c *backup.Chain) error {
	if err := k.readIdentities(c); err != nil {
		return err
	}
	if err := k.strangers(c.All()); err != nil {
		return err
	}
	if err := k.gatherAll(c); err != nil {
		return err
	}
	if c.Keys != nil || c.Approved != nil {
		return nil
	}
	p, err := k.pass.read(t, "Passphrase of the backup")
	if err != nil {
		return err
	}
	defer p.Zero()
	if slices.ContainsFunc(c.All(), isApproved) {
		c.Approved = append(c.Approved, approved.ByPassphrase(p))
	}
	if !allApproved(c.All()) {
		c.Keys, err = backup.ByPassphrase(p)
	}
	return err
}

// gatherAll gets the shares of those files that are for custodians.
func (k *backupKey) gatherAll(c *backup.Chain) error {
	for _, contents := range c.All() {
		known, shared, err := contents.Known()
		if err != nil {
			return err
		}
		if !shared {
			continue
		}
		mine, err := k.sharesOf(known)
		if err != nil {
			return err
		}
		key, err := mine.gather(known)
		if err != nil {
			return err
		}
		if contents.Approved {
			c.Approved = append(c.Approved, backup.ApprovedCustodians(key))
		} else {
			c.Keys = append(c.Keys, backup.ByCustodians(key)...)
		}
	}
	return nil
}

func isApproved(c *backup.Contents) bool { return c.Approved }

func allApproved(all []*backup.Contents) bool {
	return !slices.ContainsFunc(all, func(c *backup.Contents) bool { return !c.Approved })
}

// readIdentities reads the files of --identity: private keys in PEM, or age's identities,
// which alone open shares as well.
func (k *backupKey) readIdentities(c *backup.Chain) error {
	var ofAge []string
	for _, path := range k.shares.identities {
		text, err := readKeys(path)
		if err != nil {
			return err
		}
		if approved.IsPEM(text) {
			some, err := approved.ParseIdentities(text)
			if err != nil {
				return hintf("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 makes one", "%s: no private key on P-256: %w", path, err)
			}
			c.Approved = append(c.Approved, some...)
		} else {
			some, err := backup.ByIdentities(bytes.NewReader(text))
			if err != nil {
				return hintf("age-keygen makes such a file", "%s: no age identity: %w", path, err)
			}
			c.Keys = append(c.Keys, some...)
			ofAge = append(ofAge, path)
		}
		clear(text)
	}
	k.shares.identities = ofAge
	return nil
}

// maxKeys is the most that is read of a file of identities or recipients, in bytes.
const maxKeys = 1 << 20

func readKeys(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxKeys))
}

// wipeBackupKeys wipes those keys that can be wiped.
func wipeBackupKeys[K any](keys []K) {
	for _, k := range keys {
		if z, is := any(k).(interface{ Zero() }); is {
			z.Zero()
		}
	}
}

// sharesOf are the shares of one of several backups.
func (k *backupKey) sharesOf(known share.Known) (*collectOptions, error) {
	mine := &collectOptions{identities: k.shares.identities}
	for _, path := range k.shares.files {
		s, err := readShare(path, k.shares.identities)
		if err != nil {
			return nil, err
		}
		of := s.Of
		s.Zero()
		if of == known.Of {
			mine.files = append(mine.files, path)
		}
	}
	return mine, nil
}

// strangers refuses shares that are of none of the backups.
func (k *backupKey) strangers(all []*backup.Contents) error {
	for _, path := range k.shares.files {
		s, err := readShare(path, k.shares.identities)
		if err != nil {
			return err
		}
		set := s.Set
		s.Zero()
		if !slices.ContainsFunc(all, func(c *backup.Contents) bool {
			known, _, _ := c.Known()
			return known.Of == set.Of
		}) {
			return fmt.Errorf("%s: a share of the %s %x: %w", plain(path), set.Use, set.Of, share.ErrOf)
		}
	}
	return nil
}

// readRecipients adds those of --recipient and --recipients-file. Public keys in PEM make
// a backup one of approved algorithms.
func readRecipients(o *createOptions, how *backup.Options) error {
	add := func(name string, text []byte) error {
		if approved.IsPEM(text) {
			some, err := approved.ParseRecipients(text)
			if err != nil {
				return hintf("openssl pkey -pubout shows that of a private key", "%s: no public key on P-256: %w", name, err)
			}
			how.ToApproved = append(how.ToApproved, some...)
			return nil
		}
		some, err := backup.ToRecipients(bytes.NewReader(text))
		if err != nil {
			return hintf("a recipient begins with age1: age-keygen -y shows that of an identity", "%s: %w", name, err)
		}
		how.To = append(how.To, some...)
		return nil
	}
	for i, one := range o.deal.recipients {
		if strings.HasPrefix(one, pgpPrefix) {
			return hintf("--threshold and --shares deal some, to one recipient each", "OpenPGP keys are for shares, not for a backup as a whole")
		}
		if err := add("--recipient", []byte(one)); err != nil {
			return &advised{fmt.Errorf("recipient %d is not one of age", i+1), adviceFor(err).hint, exitUsage}
		}
	}
	for _, path := range o.files {
		text, err := readKeys(path)
		if err != nil {
			return err
		}
		if err := add(path, text); err != nil {
			return err
		}
	}
	return agreeing(o, how)
}

// agreeing refuses recipients of age where approved algorithms are wanted.
func agreeing(o *createOptions, how *backup.Options) error {
	how.Approved = o.approved || fips140.Enabled() || how.ToApproved != nil
	if how.Approved && how.To != nil {
		return hintf("name a file with a public key on P-256, in PEM, by --recipients-file",
			"a recipient of age does not go with approved algorithms")
	}
	return nil
}
