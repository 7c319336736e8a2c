package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
)

// partitionArgument names the argument of partition show and delete.
const partitionArgument = "the PARTITION, by label, serial number or slot,"

func newPartitionShow(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:               "show PARTITION",
		Short:             "Show a partition",
		Long:              "Show a partition, named by label, serial number or slot. No PIN is needed.",
		Example:           "  coffer partition show demo\n  coffer partition show 1 --json",
		Args:              oneArgument(partitionArgument),
		ValidArgsFunction: completePartition,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withPartition(args[0], func(_ *hsm.Module, s api.Slot) error {
				v := viewPartition(s)
				if err := t.show(v, func(w io.Writer) { printPartition(w, v) }); err != nil {
					return err
				}
				return brokenError([]partitionView{v})
			})
		},
	}
	t.jsonFlag(c)
	return c
}
