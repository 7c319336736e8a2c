package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/backup"
	"github.com/coffer-hsm/coffer/hsm/seal/share"
)

const backupText = `Back up partitions, and restore them: into another home, or beside what there is.

A backup is one encrypted file. A passphrase opens it; or the identities of those it
was made for (age: age-keygen makes one, and its recipient is the line that begins
with age1); or so many custodians together, each of whom has a share. It is made while programs go on, and holds each partition as it was at
one moment, PINs and wrong tries included; neither coffer.toml nor the root key is in
it. What it holds stays sealed under PINs: whoever opens it can guess at them.

An increment holds what changed since another backup. It is restored together with
all that it goes on from.`

func newBackup(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:   "backup",
		Short: "Back up partitions and restore them",
		Long:  backupText,
		Example: `  coffer backup create monday.backup
  coffer backup create tuesday.backup --since monday.backup --recipient age1...
  coffer backup verify monday.backup tuesday.backup --identity key.txt
  COFFER_HOME=/srv/new coffer backup restore monday.backup tuesday.backup --identity key.txt`,
		Args: subcommandOnly,
		RunE: showHelp,
	}
	c.AddCommand(newBackupCreate(t), newBackupList(t), newBackupVerify(t), newBackupRestore(t))
	return c
}

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
	c.Flags().StringArrayVarP(&k.shares.identities, "identity", "i", nil, "open it, or shares, with the age identity in `FILE`; may be given again")
	c.Flags().StringArrayVar(&k.shares.files, "share-file", nil, "read a share from `FILE`; once for each (default: ask at the terminal)")
}

// withChain reads what the files say of themselves, asks for what opens them, and runs f.
func (t *tool) withChain(paths []string, k *backupKey, f func(*backup.Chain) error) error {
	c, err := backup.OpenChain(paths)
	if err != nil {
		return backupError(err)
	}
	if c.Keys, err = k.open(t, c.All()); err != nil {
		return backupError(err)
	}
	bar := t.progress("reading objects")
	defer bar.end()
	c.Progress = bar.set
	err = f(c)
	bar.end()
	return backupError(err)
}

// open gets all that opens some backups.
func (k *backupKey) open(t *tool, all []*backup.Contents) (backup.Identities, error) {
	keys, err := k.readIdentities()
	if err != nil {
		return nil, err
	}
	if err := k.strangers(all); err != nil {
		return nil, err
	}
	for _, contents := range all {
		known, shared, err := contents.Known()
		if err != nil {
			return nil, err
		}
		if !shared {
			continue
		}
		mine, err := k.sharesOf(known)
		if err != nil {
			return nil, err
		}
		key, err := mine.gather(known)
		if err != nil {
			return nil, err
		}
		keys = append(keys, backup.ByCustodians(key)...)
	}
	if keys != nil {
		return keys, nil
	}
	p, err := k.pass.read(t, "Passphrase of the backup")
	if err != nil {
		return nil, err
	}
	defer p.Zero()
	return backup.ByPassphrase(p)
}

func (k *backupKey) readIdentities() (keys backup.Identities, err error) {
	for _, path := range k.shares.identities {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		some, err := backup.ByIdentities(f)
		f.Close()
		if err != nil {
			return nil, hintf("age-keygen makes such a file", "%s: no age identity: %w", path, err)
		}
		keys = append(keys, some...)
	}
	return keys, nil
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

// backupHints say what to do about errors of package backup.
var backupHints = []struct {
	err  error
	hint string
}{
	{backup.ErrKey, "give the identity that it was made for with --identity, or the passphrase"},
	{backup.ErrDamaged, "take another copy of it; nothing was changed"},
	{backup.ErrLink, "coffer backup list shows which backup each one goes on from"},
	{backup.ErrOrder, "coffer backup list shows which backup each one goes on from"},
	{backup.ErrIncrement, "coffer backup list shows which backup each one goes on from"},
}

func backupError(err error) error {
	var undoes *hsm.Undoes
	if errors.As(err, &undoes) {
		return hintf("--force restores it nevertheless", "%w", err)
	}
	for _, h := range backupHints {
		if errors.Is(err, h.err) {
			return hintf(h.hint, "%w", err)
		}
	}
	return err
}

// readRecipients are those of --recipient and --recipients-file.
func readRecipients(list, files []string) (to backup.Recipients, err error) {
	add := func(name string, r io.Reader) error {
		some, err := backup.ToRecipients(r)
		if err != nil {
			return hintf("a recipient begins with age1: age-keygen -y shows that of an identity", "%s: %w", name, err)
		}
		to = append(to, some...)
		return nil
	}
	for _, one := range list {
		if err := add("--recipient", strings.NewReader(one)); err != nil {
			return nil, err
		}
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		err = add(path, f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return to, nil
}

// backupFiles demands at least one file.
func backupFiles(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(c, "the FILE of the backup is missing")
	}
	return nil
}
