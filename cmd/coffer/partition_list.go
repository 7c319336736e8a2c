package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

func newPartitionList(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the partitions",
		Long:    "List the partitions with the state of their PINs. No PIN is needed.",
		Example: "  coffer partition list\n  coffer partition list --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			return t.withModule(func(m *hsm.Module) error {
				views := viewPartitions(m)
				return t.show(views, func(w io.Writer) { printPartitions(w, views) })
			})
		},
	}
	t.jsonFlag(c)
	return c
}
