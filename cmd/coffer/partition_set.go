package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/api"
)

const partitionSetText = `Change what a partition asks of its PINs. The SO PIN is needed.

PINs that are set stay as they are, however short. The number of tries holds at
once, for wrong tries that were made before as well.`

func newPartitionSet(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:               "set PARTITION",
		Short:             "Change what a partition asks of its PINs",
		Long:              partitionSetText,
		Example:           "  coffer partition set demo --pin-min 8 --pin-tries 5\n  coffer partition set demo --pin-delay 0",
		Args:              oneArgument(partitionArgument),
		ValidArgsFunction: completePartition,
		RunE: func(c *cobra.Command, args []string) error {
			if !changePINPolicy(c, new(api.PINPolicy)) {
				return usageError(c, "nothing to change: one of the --pin flags is missing")
			}
			return t.withSO(args[0], func(l login) error { return t.setPINPolicy(c, l) })
		},
	}
	t.so.register(c)
	pinRuleFlags(c)
	return c
}

func (t *tool) setPINPolicy(c *cobra.Command, l login) error {
	info := l.Info()
	changePINPolicy(c, &info.PIN)
	if err := l.SetPINPolicy(l.who, info.PIN); err != nil {
		return rulesError(c, err)
	}
	fmt.Fprintf(t.out, "changed what partition %s asks of PINs\n", quote(info.Label))
	return nil
}
