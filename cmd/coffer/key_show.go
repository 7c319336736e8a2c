package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newKeyShow(t *tool) *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use:   "show KEY",
		Short: "Show a key",
		Long: `Show a key, named by label, ID or unique ID. A label or ID that several keys have,
such as the halves of a pair, shows them all.`,
		Example:           "  coffer key show web\n  coffer key show 01 --partition demo --json",
		Args:              oneArgument(keyArgument),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withKeys(partition, args[0], func(_ login, found []keyView) error {
				return t.show(found, func(w io.Writer) { printEach(w, found) })
			})
		},
	}
	partitionFlag(c, &partition)
	t.userFlags(c)
	t.jsonFlag(c)
	return c
}

// printEach prints keys one after the other, a blank line between them.
func printEach(w io.Writer, views []keyView) {
	for i, v := range views {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printKey(w, v)
	}
}
