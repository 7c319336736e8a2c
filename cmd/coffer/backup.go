package main

import (
	"crypto/fips140"
	"errors"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/backup"
)

const backupText = `Back up partitions, and restore them: into another home, or beside what there is.

A backup is one encrypted file. A passphrase opens it; or the identities of those it
was made for (age: age-keygen makes one, and its recipient is the line that begins
with age1); or the private key that goes with a public key on P-256 (PEM); or so many
custodians together, each of whom has a share. It is made while programs go on, and
holds each partition as it was at one moment, PINs and wrong tries included; neither
coffer.toml nor the root key is in it. What it holds stays sealed under PINs: whoever
opens it can guess at them.

With --approved, for public keys in PEM, and in approved mode (GODEBUG=fips140=on), it
is sealed with approved algorithms only; otherwise by age.

An increment holds what changed since another backup. It is restored together with
all that it goes on from.`

func newBackup(t *tool) *cobra.Command {
	return parent(&cobra.Command{
		Use:   "backup",
		Short: "Back up partitions and restore them",
		Long:  backupText,
		Example: `  coffer backup create monday.backup
  coffer backup create tuesday.backup --since monday.backup --recipient age1...
  coffer backup verify monday.backup tuesday.backup --identity key.txt
  COFFER_HOME=/srv/new coffer backup restore monday.backup tuesday.backup --identity key.txt`,
	}, newBackupCreate(t), newBackupList(t), newBackupVerify(t), newBackupRestore(t))
}

// withChain reads what the files say of themselves, asks for what opens them, and runs f.
func (t *tool) withChain(paths []string, k *backupKey, f func(*backup.Chain) error) error {
	c, err := backup.OpenChain(paths)
	if err != nil {
		return backupError(err)
	}
	if err := k.open(t, c); err != nil {
		return backupError(err)
	}
	defer wipeBackupKeys(c.Approved)
	if fips140.Enabled() && !allApproved(c.All()) {
		t.warn("a backup is sealed by age, whose algorithms are not approved: make a new one when it is restored")
	}
	bar := t.progress("reading objects")
	defer bar.end()
	c.Progress = bar.set
	err = f(c)
	bar.end()
	return backupError(err)
}

// backupHints say what to do about errors of package backup.
var backupHints = []struct {
	err  error
	hint string
}{
	{backup.ErrKey, "give the identity that it was made for with --identity, or the passphrase"},
	{backup.ErrNotApproved, "GODEBUG=fips140=on, in the place of only, reads it"},
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

// backupFiles demands at least one file.
func backupFiles(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError(c, "the FILE of the backup is missing")
	}
	return nil
}
