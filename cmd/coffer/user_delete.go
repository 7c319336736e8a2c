package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const userDeleteText = `Delete a user. The keys stay: they belong to the partition.

Programs that are logged in as the user are logged out before their next call.`

func newUserDelete(t *tool) *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use:               "delete NAME",
		Aliases:           []string{"rm"},
		Short:             "Delete a user",
		Long:              userDeleteText,
		Example:           "  coffer user delete alice\n  coffer user delete alice --so-pin-file so.pin --yes",
		Args:              oneArgument(userArgument),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withSO(partition, func(l login) error { return t.deleteUser(l, args[0]) })
		},
	}
	t.soFlags(c, &partition)
	t.yesFlag(c)
	return c
}

func (t *tool) deleteUser(l login, name string) error {
	if err := t.confirm(fmt.Sprintf("User %s of partition %s will be deleted.", quote(name), quote(l.Info().Label))); err != nil {
		return err
	}
	if err := l.DeleteUser(l.who, name); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "deleted user %s\n", quote(name))
	return nil
}
