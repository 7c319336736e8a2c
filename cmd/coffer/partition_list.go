package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

const partitionListText = `List the partitions with the state of their PINs. No PIN is needed.

The exit code is 1 if one of them cannot be opened.`

func newPartitionList(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the partitions",
		Long:    partitionListText,
		Example: "  coffer partition list\n  coffer partition list --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			return t.withModule(func(m *hsm.Module) error {
				views := viewPartitions(m)
				if err := t.show(views, func(w io.Writer) { printPartitions(w, views) }); err != nil {
					return err
				}
				return brokenError(views)
			})
		},
	}
	t.jsonFlag(c)
	return c
}

// brokenError is what there is to say after partitions were shown: nil if all of them
// can be opened.
func brokenError(views []partitionView) error {
	broken := 0
	for _, v := range views {
		if v.State == stateBroken {
			broken++
		}
	}
	if broken == 0 {
		return nil
	}
	return hintf("what is wrong with them: coffer status", "partitions that cannot be opened: %d", broken)
}
