package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/backup"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const backupRestoreText = `Restore partitions from a backup, or from a full one and its increments, in the order
in which they were made: what is restored is as it was when the last was made. Name
fewer increments to go back further.

Partitions come into slots of their own, beside what there is; into the slot they
had where that was never in use. The home is made if there is none. With --replace a
partition takes the place of another, which is moved aside, not deleted; programs
that use it are to be started again. PINs are those of the backup.

All is verified on the way, and nothing is changed if it fails. Where the partition is
there and has moved on, so that keys that were destroyed, PINs that were changed or
wrong tries would come back, or objects would not be sensitive any more, --force is
needed; so it is where the partition was deleted.
What was done since is said then, and is put down in the audit logs.`

func newBackupRestore(t *tool) *cobra.Command {
	var o backup.Restoring
	var replace string
	k := newBackupKey()
	c := &cobra.Command{
		Use:   "restore FILE...",
		Short: "Restore partitions from a backup",
		Long:  backupRestoreText,
		Example: `  coffer backup restore monday.backup
  coffer backup restore monday.backup tuesday.backup --identity key.txt
  coffer backup restore monday.backup --partition demo --replace demo`,
		Args: backupFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withModule(func(m *hsm.Module) error {
				if replace != "" {
					s, err := findPartition(m, replace)
					if err != nil {
						return err
					}
					o.Replace = s.ID
				}
				return t.withChain(args, k, func(c *backup.Chain) error { return t.restoreBackup(c, m, o) })
			})
		},
	}
	k.register(c)
	c.Flags().StringVarP(&o.Name, "partition", "p", "", "only the `PARTITION` of this label, serial number or slot in the backup")
	c.Flags().StringVar(&replace, "replace", "", "put it in the place of `PARTITION`, by label, serial number or slot")
	c.Flags().BoolVar(&o.Force, "force", false, "restore even what undoes a destroyed key, a changed PIN or wrong tries")
	return c
}

func (t *tool) restoreBackup(c *backup.Chain, m *hsm.Module, o backup.Restoring) error {
	list, err := c.Restore(m, o)
	if err != nil {
		return err
	}
	for _, r := range list {
		fmt.Fprintf(t.out, "restored partition %s, serial number %s, to slot %d\n", quote(r.Label), r.Serial, r.At)
		for _, what := range r.Undone {
			t.warn("by force: %s", plain(what))
		}
		if r.Aside != "" {
			fmt.Fprintf(t.out, "what was there before is in %s\n", r.Aside)
		} else if other := sameSerial(m, r.Serial, r.At); other != 0 {
			t.warn("slot %d has the same partition: programs that go by label or serial number find either", other)
		}
	}
	return nil
}

// sameSerial finds another slot that has the same partition; 0 if none does.
func sameSerial(m *hsm.Module, serial string, but ck.SlotID) ck.SlotID {
	for _, s := range partitions(m) {
		if s.ID != but && s.Partition.Info().Serial == serial {
			return s.ID
		}
	}
	return 0
}
