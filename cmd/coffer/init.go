package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

const initText = `Make the home directory and the root key that seals everything in it.

The home is COFFER_HOME, or else /var/lib/coffer for root, or else coffer in
XDG_DATA_HOME, or else .local/share/coffer in your home directory. Only its owner
can read it. Nothing that is there already is changed.

The root key is in the file root.key. Keep a copy of it apart from the rest: without
it nothing in the home can be opened again, and with it whoever has the rest can
guess PINs. With --seal it is in no file in the clear but sealed with something else,
of which "coffer seal add --help" has the kinds; that can be changed later.`

func newInit(t *tool) *cobra.Command {
	var o sealOptions
	var kind string
	c := &cobra.Command{
		Use:     "init",
		Short:   "Make the home directory and its root key",
		Long:    initText,
		Example: "  coffer init\n  COFFER_HOME=/var/lib/coffer coffer init\n  coffer init --seal passphrase",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			home, err := t.init(c, kind, &o)
			if errors.Is(err, fs.ErrExist) && home != "" {
				return hintf("it is ready for use: coffer status", "there is a home in %s already; nothing was changed", home)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(t.out, "made %s\nnext: %scoffer partition create LABEL\n", plain(home), unlockFirst(kind))
			return nil
		},
	}
	c.Flags().StringVar(&kind, "seal", "", "`KIND` of what seals the root key instead of root.key")
	_ = c.RegisterFlagCompletionFunc("seal", sealKindNames)
	o.registerNew(t, c)
	return c
}

// init makes the home. What it returns is the home, if it came that far.
func (t *tool) init(c *cobra.Command, name string, o *sealOptions) (string, error) {
	if name == "" {
		return hsm.Init(hsm.FromEnvironment())
	}
	kind := findSealKind(name)
	if kind == nil {
		return "", usageError(c, "there is no kind %q", name)
	}
	if home, err := hsm.CanInit(hsm.FromEnvironment()); err != nil {
		return home, err // before a person makes up a passphrase
	}
	root := seal.GenerateRoot()
	defer root.Zero()
	o.name = name
	var err error
	if o.root, err = root.Fingerprint(); err != nil {
		return "", err
	}
	with, err := kind.make(t, o)
	if err != nil {
		return "", err
	}
	defer with.Zero()
	return hsm.InitRoot(hsm.FromEnvironment(), name, root, with)
}

// unlockFirst says that a home that is sealed with this kind is locked.
func unlockFirst(kind string) string {
	if kind == "" || hsm.Unattended(kind) {
		return ""
	}
	return "coffer seal unlock, and then "
}
