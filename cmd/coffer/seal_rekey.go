package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

const sealRekeyText = `Seal the root key anew in the place of a sealed copy: with another passphrase or
another key. The old one opens nothing any more, but for older copies of the home.

The home must open, by itself or because it is unlocked.`

func newSealRekey(t *tool) *cobra.Command {
	var o sealOptions
	c := &cobra.Command{
		Use:               "rekey NAME",
		Short:             "Change the passphrase or key of a sealed copy",
		Long:              sealRekeyText,
		Example:           "  coffer seal rekey passphrase",
		Args:              oneArgument("the NAME of the sealed copy"),
		ValidArgsFunction: completeSeal,
		RunE: func(_ *cobra.Command, args []string) error {
			return withSeals(func(s *hsm.Seals) error { return t.rekeySeal(s, args[0], &o) })
		},
	}
	o.registerNew(t, c)
	return c
}

func (t *tool) rekeySeal(s *hsm.Seals, name string, o *sealOptions) error {
	slot, err := s.Get(name)
	if err != nil {
		return err
	}
	kind := findSealKind(slot.Kind)
	if kind == nil {
		return hintf("remove it and add another", "%s is of the kind %q, which is unknown", name, slot.Kind)
	}
	if err := s.Opens(); err != nil {
		return err
	}
	o.name, o.root, o.former = name, s.Fingerprint(), slot
	with, err := kind.make(t, o)
	if err != nil {
		return err
	}
	defer with.Zero()
	if opens(slot, with.Key) == nil {
		return &advised{fmt.Errorf("this is the key that %s has: it would go on opening it", name), "--path names a file that is not there yet", exitUsage}
	}
	if err := s.Rekey(name, with); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "changed %s\n", name)
	return nil
}

// completeSeal offers the names of the sealed copies to the shell.
func completeSeal(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	_ = withSeals(func(s *hsm.Seals) error {
		list, keyFile, err := s.List()
		for _, e := range list {
			names = append(names, e.Name)
		}
		if keyFile {
			names = append(names, hsm.RootKeyName)
		}
		return err
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}
