package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const userUnlockText = `Unlock the PIN of a user: wrong tries are forgiven, and the PIN stays as it is.
Without NAME it is the user without a name.

With --new-pin a new PIN is set instead, for who has forgotten it.`

const userUnlockExample = `  coffer user unlock
  coffer user unlock alice
  coffer user unlock alice --new-pin --pin-file alice.pin`

func newUserUnlock(t *tool) *cobra.Command {
	var partition string
	var newPIN bool
	c := &cobra.Command{
		Use:               "unlock [NAME]",
		Short:             "Unlock the PIN of a user, or set a new one",
		Long:              userUnlockText,
		Example:           userUnlockExample,
		Args:              atMostOneArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if t.user.file != "" && !newPIN {
				return usageError(c, "--pin-file goes with --new-pin")
			}
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			act := t.unlockUser
			if newPIN {
				act = t.resetUser
			}
			return t.withSO(partition, func(l login) error { return act(l, name) })
		},
	}
	t.soFlags(c, &partition)
	t.user.register(c)
	c.Flags().BoolVar(&newPIN, "new-pin", false, "set a new PIN")
	return c
}

func (t *tool) unlockUser(l login, name string) error {
	if err := l.UnlockUser(l.who, name); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "unlocked %s\n", calledOrUnnamed(name))
	return nil
}

func (t *tool) resetUser(l login, name string) error {
	pin, err := t.user.readNew(t, "New PIN of "+calledOrUnnamed(name))
	if err != nil {
		return err
	}
	defer pin.Zero()
	if err := l.InitUserPIN(l.who, name, pin.Expose()); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "set a new PIN of %s\n", calledOrUnnamed(name))
	return nil
}
