package main

import (
	"github.com/spf13/cobra"
)

func newSeal(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:   "seal",
		Short: "Look after the root key, under which everything is sealed",
		Long: `Look after the root key, under which everything in the home is sealed. Partitions
and keys stay as they are, whatever is done here.`,
		Example: "  coffer seal rotate",
		Args:    subcommandOnly,
		RunE:    showHelp,
	}
	c.AddCommand(newSealRotate(t))
	return c
}
