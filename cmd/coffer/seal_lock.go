package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

const sealLockText = `Forget the root key that "coffer seal unlock" keeps in memory. Programs that are
running keep what they have opened; those that start find the home locked.`

func newSealLock(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:     "lock",
		Short:   "Forget an unlocked root key",
		Long:    sealLockText,
		Example: "  coffer seal lock",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			return withSeals(func(s *hsm.Seals) error {
				err := s.Lock()
				if errors.Is(err, seal.ErrNotHeld) {
					fmt.Fprintln(t.out, "it was not unlocked")
					return nil
				}
				if err == nil {
					fmt.Fprintln(t.out, "locked")
				}
				return err
			})
		},
	}
}
