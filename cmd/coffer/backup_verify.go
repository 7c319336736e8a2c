package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/backup"
)

const backupVerifyText = `Prove that a backup would restore, without restoring it: it is opened and read to its
end, every record is checked, and the whole is held against the digest that each
partition had. Of increments, all files are named in the order in which they were
made, the full backup first.`

func newBackupVerify(t *tool) *cobra.Command {
	k := newBackupKey()
	c := &cobra.Command{
		Use:     "verify FILE...",
		Short:   "Prove that a backup would restore",
		Long:    backupVerifyText,
		Example: "  coffer backup verify monday.backup\n  coffer backup verify monday.backup tuesday.backup --identity key.txt",
		Args:    backupFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withChain(args, k, func(c *backup.Chain) error {
				if err := c.Verify(); err != nil {
					return err
				}
				return t.show(c.Contents(), func(w io.Writer) {
					printBackup(w, c.Contents())
					fmt.Fprintln(w, "would restore: every record is there, and authentic")
				})
			})
		},
	}
	k.register(c)
	t.jsonFlag(c)
	return c
}
