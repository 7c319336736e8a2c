package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

const initText = `Make the home directory and the root key that seals everything in it.

The home is COFFER_HOME, or else /var/lib/coffer for root, or else coffer in
XDG_DATA_HOME, or else .local/share/coffer in your home directory. Only its owner
can read it. Nothing that is there already is changed.

Keep a copy of the root key file apart from the rest: without it nothing in the
home can be opened again, and with it whoever has the rest can guess PINs.`

func newInit(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Make the home directory and its root key",
		Long:    initText,
		Example: "  coffer init\n  COFFER_HOME=/var/lib/coffer coffer init",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			home, err := hsm.Init(hsm.FromEnvironment())
			if errors.Is(err, fs.ErrExist) {
				return hintf("it is ready for use: coffer status", "there is a home in %s already; nothing was changed", home)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(t.out, "made %s\nnext: coffer partition create LABEL\n", plain(home))
			return nil
		},
	}
}
