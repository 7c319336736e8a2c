package main

import (
	"crypto/fips140"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/backup"
	"github.com/coffer-hsm/coffer/hsm/backup/approved"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const backupCreateText = `Write a backup of all partitions, or of those that are named, to a new file.

Without --recipient or --recipients-file it asks for a passphrase. No PIN is needed:
what is sealed stays sealed. A damaged partition is refused, not backed up. While the
backup is made it takes as much room beside each partition as that has.

With --threshold and --shares it is for custodians: each is to have one share, which is
of this backup only. For increments, recipients are easier.

With --approved, and in approved mode, it is sealed with approved algorithms only: for a
passphrase (PBKDF2), custodians, or public keys on P-256 in PEM, which
--recipients-file names, and which need no --approved. Older versions of Coffer do not
read it.

With --since the file holds what changed since another backup, which need not be
opened for that. Where that cannot be told any more, it holds all.`

func newBackupCreate(t *tool) *cobra.Command {
	o := createOptions{pass: newBackupKey().pass}
	c := &cobra.Command{
		Use:   "create FILE [PARTITION...]",
		Short: "Write a backup to a new file",
		Long:  backupCreateText,
		Example: `  coffer backup create monday.backup
  coffer backup create demo.backup demo --passphrase-file pass
  coffer backup create tuesday.backup --since monday.backup --recipient age1...
  coffer backup create approved.backup --recipients-file pub.pem
  coffer backup create safe.backup --threshold 2 --shares 3 --out-dir shares`,
		Args: backupFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withModule(func(m *hsm.Module) error { return t.createBackup(m, args[0], args[1:], &o) })
		},
	}
	o.pass.register(c)
	t.jsonFlag(c)
	c.Flags().StringArrayVarP(&o.deal.recipients, "recipient", "r", nil, "make it, or the next share, for the age `RECIPIENT`; may be given again")
	c.Flags().StringArrayVarP(&o.files, "recipients-file", "R", nil, "make it for the age recipients in `FILE`, one a line, or the public keys (PEM, P-256)")
	c.Flags().BoolVar(&o.approved, "approved", false, "seal it with approved algorithms only, as approved mode does")
	c.Flags().IntVar(&o.deal.threshold, "threshold", 0, "make it for custodians, of whom `M` together open it")
	c.Flags().IntVar(&o.deal.shares, "shares", 0, "make shares for `N` custodians")
	c.Flags().StringVar(&o.deal.dir, "out-dir", "", "write the shares to new files in `DIR` (default: show them at the terminal, one at a time)")
	c.Flags().StringVar(&o.since, "since", "", "only what changed since the backup `FILE`")
	return c
}

// createOptions are the flags of backup create.
type createOptions struct {
	pass  pinSource
	since string
	files []string    // of recipients
	deal  dealOptions // its recipients are those of the backup, if there are no shares

	approved bool // algorithms only
}

func (t *tool) createBackup(m *hsm.Module, path string, names []string, o *createOptions) error {
	slots, err := slotsOf(m, names)
	if err != nil {
		return err
	}
	var how backup.Options
	if o.since != "" {
		if how.Since, err = backup.ReadContents(o.since); err != nil {
			return backupError(err)
		}
	}
	if err := backup.Vacant(path); err != nil { // before anybody is asked
		return err
	}
	if err := t.sealBackup(o, &how); err != nil {
		return err
	}
	if how.Custodians != nil {
		defer how.Custodians.Zero()
	}
	defer wipeBackupKeys(how.ToApproved)
	made, err := t.writeBackup(m, path, slots, how)
	if err != nil {
		return err
	}
	return t.show(made, func(w io.Writer) {
		fmt.Fprintf(w, "wrote %s\n", path)
		printBackup(w, made)
	})
}

func (t *tool) writeBackup(m *hsm.Module, path string, slots []ck.SlotID, how backup.Options) (made *backup.Contents, err error) {
	bar := t.progress("writing objects")
	defer bar.end()
	how.Progress = bar.set
	err = backup.WriteFile(path, func(w io.Writer) error {
		made, err = backup.Create(w, m, slots, how)
		return err
	})
	return made, err
}

// sealBackup gets what is to open the backup: custodians, recipients, or a passphrase.
func (t *tool) sealBackup(o *createOptions, how *backup.Options) (err error) {
	if o.deal.threshold != 0 || o.deal.shares != 0 {
		return t.dealBackup(o, how)
	}
	if err = readRecipients(o, how); err != nil || how.To != nil || how.ToApproved != nil {
		return err
	}
	p, err := o.pass.readNew(t, "New passphrase for the backup")
	if err != nil {
		return err
	}
	defer p.Zero()
	if !how.Approved {
		how.To, err = backup.ToPassphrase(p)
		return err
	}
	to, err := approved.ToPassphrase(p)
	if err == nil {
		how.ToApproved = []approved.Recipient{to}
	}
	return err
}

// dealBackup hands the shares out before anything is sealed with them.
func (t *tool) dealBackup(o *createOptions, how *backup.Options) error {
	if o.files != nil {
		return &advised{errors.New("--recipients-file does not go with shares: give --recipient once for each share"), "", exitUsage}
	}
	how.Approved = o.approved || fips140.Enabled()
	o.deal.approved = how.Approved
	custodians, shares, err := backup.Deal(o.deal.threshold, o.deal.shares)
	if err != nil {
		return &advised{err, "", exitUsage}
	}
	defer func() {
		for _, s := range shares {
			s.Zero()
		}
	}()
	if err := t.handOut(shares, "backup-"+custodians.Name(), &o.deal); err != nil {
		custodians.Zero()
		return err
	}
	how.Custodians = custodians
	return nil
}

// slotsOf finds partitions by name; no name at all is all there are.
func slotsOf(m *hsm.Module, names []string) (slots []ck.SlotID, err error) {
	var found []api.Slot
	for _, name := range names {
		s, err := findPartition(m, name)
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	if len(names) == 0 {
		found = partitions(m)
	}
	if len(found) == 0 {
		return nil, hintf("make one: coffer partition create LABEL", "there is no partition in %s yet", m.Home())
	}
	for _, s := range found {
		slots = append(slots, s.ID)
	}
	return slots, nil
}
