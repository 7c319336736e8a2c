package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const keyDeleteText = `Delete a key, named by label, ID or unique ID. There is no way back but a backup.

A label or ID that several keys have deletes them all, both halves of a pair for
one; a unique ID names a single one.`

func newKeyDelete(t *tool) *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use:               "delete KEY",
		Aliases:           []string{"rm"},
		Short:             "Delete a key",
		Long:              keyDeleteText,
		Example:           "  coffer key delete web\n  coffer key delete 01 --partition demo --yes",
		Args:              oneArgument(keyArgument),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withKeys(partition, args[0], t.deleteKeys)
		},
	}
	partitionFlag(c, &partition)
	t.userFlags(c)
	t.yesFlag(c)
	return c
}

func (t *tool) deleteKeys(l login, found []keyView) error {
	what := make([]string, len(found))
	for i, v := range found {
		what[i] = fmt.Sprintf("%s key %s (%s, unique ID %s)", v.Class, quote(v.Label), v.Type, v.UniqueID)
	}
	if err := t.confirm("To be deleted for good:\n  " + strings.Join(what, "\n  ")); err != nil {
		return err
	}
	for i, v := range found {
		if err := l.DestroyObject(l.who, v.object); err != nil {
			return fmt.Errorf("%s: %w", what[i], err)
		}
		fmt.Fprintf(t.out, "deleted %s\n", what[i])
	}
	return nil
}
