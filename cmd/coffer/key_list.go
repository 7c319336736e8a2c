package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
)

const keyListText = `List the keys of a partition.

The user PIN is needed, since secret and private keys are not seen without it.
With --public only what everybody can see is listed, and no PIN is asked for.`

func newKeyList(t *tool) *cobra.Command {
	var partition string
	var public bool
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List keys",
		Long:    keyListText,
		Example: "  coffer key list\n  coffer key list --partition demo --public --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if public {
				return t.withPartition(partition, func(_ *hsm.Module, s api.Slot) error {
					return t.listKeys(login{Partition: s.Partition})
				})
			}
			return t.withLogin(partition, t.listKeys)
		},
	}
	partitionFlag(c, &partition)
	t.userFlags(c)
	t.jsonFlag(c)
	c.Flags().BoolVar(&public, "public", false, "list what can be seen without a PIN")
	return c
}

func (t *tool) listKeys(l login) error {
	views, err := l.keys(nil)
	if err != nil {
		return err
	}
	return t.show(views, func(w io.Writer) { printKeys(w, views) })
}
