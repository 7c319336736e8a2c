package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/backup"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const backupCreateText = `Write a backup of all partitions, or of those that are named, to a new file.

Without --recipient or --recipients-file it asks for a passphrase. No PIN is needed:
what is sealed stays sealed. A damaged partition is refused, not backed up. While the
backup is made it takes as much room beside each partition as that has.

With --since the file holds what changed since another backup, which need not be
opened for that. Where that cannot be told any more, it holds all.`

func newBackupCreate(t *tool) *cobra.Command {
	var since string
	var to, files []string
	pass := newBackupKey().pass
	c := &cobra.Command{
		Use:   "create FILE [PARTITION...]",
		Short: "Write a backup to a new file",
		Long:  backupCreateText,
		Example: `  coffer backup create monday.backup
  coffer backup create demo.backup demo --passphrase-file pass
  coffer backup create tuesday.backup --since monday.backup --recipient age1...`,
		Args: backupFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			var o backup.Options
			var err error
			if since != "" {
				if o.Since, err = backup.ReadContents(since); err != nil {
					return backupError(err)
				}
			}
			if o.To, err = readRecipients(to, files); err != nil {
				return err
			}
			return t.withModule(func(m *hsm.Module) error { return t.createBackup(m, args[0], args[1:], &pass, o) })
		},
	}
	pass.register(c)
	t.jsonFlag(c)
	c.Flags().StringArrayVarP(&to, "recipient", "r", nil, "make it for the age `RECIPIENT`; may be given again")
	c.Flags().StringArrayVarP(&files, "recipients-file", "R", nil, "make it for the age recipients in `FILE`, one a line")
	c.Flags().StringVar(&since, "since", "", "only what changed since the backup `FILE`")
	return c
}

func (t *tool) createBackup(m *hsm.Module, path string, names []string, pass *pinSource, o backup.Options) error {
	slots, err := slotsOf(m, names)
	if err != nil {
		return err
	}
	if o.To == nil {
		p, err := pass.readNew(t, "New passphrase for the backup")
		if err != nil {
			return err
		}
		o.To, err = backup.ToPassphrase(p)
		p.Zero()
		if err != nil {
			return err
		}
	}
	bar := t.progress("writing objects")
	defer bar.end()
	o.Progress = bar.set
	var made *backup.Contents
	err = backup.WriteFile(path, func(w io.Writer) (err error) {
		made, err = backup.Create(w, m, slots, o)
		return err
	})
	bar.end()
	if err != nil {
		return err
	}
	return t.show(made, func(w io.Writer) {
		fmt.Fprintf(w, "wrote %s\n", path)
		printBackup(w, made)
	})
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
