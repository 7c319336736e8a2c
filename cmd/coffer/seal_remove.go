package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
)

const sealRemoveText = `Remove a sealed copy of the root key, or root.key itself. The last that opens the home
cannot be removed.

Blocks of a removed file may stay on a disk, and in backups: a root.key that was there
is not gone for good. The fingerprint of a former root key, as "coffer seal status"
shows it, removes all copies of that one.`

func newSealRemove(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:               "remove NAME",
		Aliases:           []string{"rm"},
		Short:             "Remove something that opens the home",
		Long:              sealRemoveText,
		Example:           "  coffer seal remove root.key",
		Args:              oneArgument("the NAME of the sealed copy"),
		ValidArgsFunction: completeSeal,
		RunE: func(_ *cobra.Command, args []string) error {
			return withSeals(func(s *hsm.Seals) error {
				if err := s.CanRemove(args[0]); err != nil {
					return removeError(err, args[0])
				}
				if err := t.confirm(fmt.Sprintf("%s will not open the home any more.", args[0])); err != nil {
					return err
				}
				return t.removeSeal(s, args[0])
			})
		},
	}
	t.yesFlag(c)
	return c
}

func (t *tool) removeSeal(s *hsm.Seals, name string) error {
	if err := s.Remove(name); err != nil {
		return removeError(err, name)
	}
	fmt.Fprintf(t.out, "removed %s\n", name)
	return nil
}

func removeError(err error, name string) error {
	if errors.Is(err, hsm.ErrLastSeal) {
		return hintf("add another one first: coffer seal add", "%s is the last that opens the home", name)
	}
	return err
}
