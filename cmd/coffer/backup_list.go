package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/backup"
)

const backupListText = `Show what is in backups, as they say themselves: nothing is opened for that, so
that it takes no passphrase, and only "coffer backup verify" shows that it is true.`

func newBackupList(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:     "list FILE...",
		Aliases: []string{"ls"},
		Short:   "Show what is in backups",
		Long:    backupListText,
		Example: "  coffer backup list monday.backup",
		Args:    backupFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			all := []*backup.Contents{}
			for _, path := range args {
				contents, err := backup.ReadContents(path)
				if err != nil {
					return backupError(err)
				}
				all = append(all, contents)
			}
			return t.show(all, func(w io.Writer) {
				for i, contents := range all {
					if len(all) > 1 {
						fmt.Fprintf(w, "%s:\n", args[i])
					}
					printBackup(w, contents)
				}
			})
		},
	}
	t.jsonFlag(c)
	return c
}

// printBackup prints the contents of a backup. Of an ID the first half will do.
func printBackup(w io.Writer, c *backup.Contents) {
	short := func(id string) string { return plain(id[:min(16, len(id))]) }
	fields := [][2]string{
		{"Backup", short(c.ID)},
		{"Goes on from", orDash(short(c.Base))},
		{"Made", c.Time.Format(time.RFC3339)},
	}
	if c.Approved {
		fields = append(fields, [2]string{"Sealed with", "approved algorithms"})
	}
	if known, shared, err := c.Known(); shared && err == nil {
		fields = append(fields, [2]string{"Opened by", fmt.Sprintf("%d of %d shares", known.Needed, known.Total)})
	}
	printFields(w, fields)
	rows := make([][]string, len(c.Partitions))
	for i, p := range c.Partitions {
		what := "all"
		if p.Since != 0 {
			what = "since " + strconv.FormatUint(p.Since, 10)
		}
		rows[i] = []string{strconv.FormatUint(p.Slot, 10), plain(p.Label), plain(p.Serial),
			strconv.FormatUint(p.Generation, 10), strconv.Itoa(p.Objects), what}
	}
	printTable(w, []string{"SLOT", "LABEL", "SERIAL", "GENERATION", "OBJECTS", "IN THE FILE"}, rows)
}
