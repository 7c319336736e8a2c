package main

import (
	"io"

	"github.com/spf13/cobra"
)

func newUserList(t *tool) *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the users with a name",
		Long:    "List the users with a name, and the state of their PINs.",
		Example: "  coffer user list\n  coffer user list --partition demo --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			return t.withSO(partition, t.listUsers)
		},
	}
	t.soFlags(c, &partition)
	t.jsonFlag(c)
	return c
}

func (t *tool) listUsers(l login) error {
	users, err := l.Users(l.who)
	if err != nil {
		return err
	}
	views := []userView{} // [] in JSON
	for _, u := range users {
		views = append(views, viewUser(u))
	}
	return t.show(views, func(w io.Writer) { printUsers(w, views) })
}
