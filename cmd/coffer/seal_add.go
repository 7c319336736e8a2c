package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

const sealAddText = `Seal the root key with one thing more. What opened the home before still does.

Kinds:
%s
The home must open, by itself or because it is unlocked. To have the root key in the
clear no more, add something else, try it, and remove root.key. Copies of that file
that are left somewhere still open the home: best begin with "coffer init --seal".`

func newSealAdd(t *tool) *cobra.Command {
	var o sealOptions
	var name string
	c := &cobra.Command{
		Use:               "add KIND",
		Short:             "Seal the root key with one thing more",
		Long:              fmt.Sprintf(sealAddText, sealKindsText()),
		Example:           "  coffer seal add passphrase\n  coffer seal add key-file --path /media/stick/coffer.key --name stick",
		Args:              oneArgument("the KIND of what is added"),
		ValidArgsFunction: sealKindNames,
		RunE: func(c *cobra.Command, args []string) error {
			kind := findSealKind(args[0])
			if kind == nil {
				return usageError(c, "there is no kind %q", args[0])
			}
			return withSeals(func(s *hsm.Seals) error { return t.addSeal(s, kind, name, &o) })
		},
	}
	o.registerNew(t, c)
	c.Flags().StringVar(&name, "name", "", "`NAME` of the sealed copy (default: the kind)")
	return c
}

func (t *tool) addSeal(s *hsm.Seals, kind *sealKind, name string, o *sealOptions) error {
	if kind.kind == seal.KindKeyFile && o.path == "" {
		if err := s.AddKeyFile(); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "added %s: the root key is in it in the clear\n", hsm.RootKeyName)
		return nil
	}
	if name == "" {
		name = kind.kind
	}
	if err := s.Opens(); err != nil { // before a person makes up a passphrase
		return err
	}
	if err := s.Free(name); err != nil {
		return err
	}
	o.name, o.root = name, s.Fingerprint()
	with, err := kind.make(t, o)
	if err != nil {
		return err
	}
	defer with.Zero()
	if err := s.Add(name, with); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "added %s\n", name)
	return nil
}
