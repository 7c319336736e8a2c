package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
)

func newPartitionShow(t *tool) *cobra.Command {
	c := t.onPartition(&cobra.Command{
		Use:     "show PARTITION",
		Short:   "Show a partition",
		Long:    "Show a partition, named by label, serial number or slot. No PIN is needed.",
		Example: "  coffer partition show demo\n  coffer partition show 1 --json",
	}, func(_ *hsm.Module, s api.Slot) error {
		v := viewPartition(s)
		if err := t.show(v, func(w io.Writer) { printPartition(w, v) }); err != nil {
			return err
		}
		return brokenError([]partitionView{v})
	})
	t.jsonFlag(c)
	return c
}
