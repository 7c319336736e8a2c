package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const userCreateText = `Make a user with a name and a PIN of their own.

A name is 1 to 255 bytes of UTF-8 without control characters; there is room for
1024 users.`

func newUserCreate(t *tool) *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use:               "create NAME",
		Short:             "Make a user",
		Long:              userCreateText,
		Example:           "  coffer user create alice\n  coffer user create alice -p demo --so-pin-file so.pin --pin-file alice.pin",
		Args:              oneArgument(userArgument),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withSO(partition, func(l login) error { return t.createUser(l, args[0]) })
		},
	}
	t.soFlags(c, &partition)
	t.user.register(c)
	return c
}

func (t *tool) createUser(l login, name string) error {
	pin, err := t.user.readNew(t, "New PIN of user "+quote(name))
	if err != nil {
		return err
	}
	defer pin.Zero()
	if err := l.CreateUser(l.who, name, pin.Expose()); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "made user %s\n", quote(name))
	return nil
}
