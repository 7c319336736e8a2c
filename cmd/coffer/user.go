package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/api"
)

func newUser(t *tool) *cobra.Command {
	return parent(&cobra.Command{
		Use:   "user",
		Short: "Make, list, unlock and delete users of a partition",
		Long: `Make, list, unlock and delete users of a partition. Beside the user without a
name, whom every PKCS #11 program knows, a partition can have users with names,
each with a PIN of their own; programs log them in with C_LoginUser. All of them
see the same keys. The SO PIN is needed for all of this but passwd, with which users
change their own PINs.`,
		Example: "  coffer user create alice\n  coffer key list --user alice",
	}, newUserCreate(t), newUserList(t), newUserUnlock(t), newUserPasswd(t), newUserDelete(t))
}

// userArgument names the argument of most user commands.
const userArgument = "the NAME of the user"

// soFlags adds what all user commands have.
func (t *tool) soFlags(c *cobra.Command, partition *string) {
	partitionFlag(c, partition)
	t.so.register(c)
}

// userView is a user as it is shown: an element of the JSON of user list.
type userView struct {
	Name  string `json:"name"`
	PIN   string `json:"pin"` // "set", "wrong tries", "tries under way", "held back" or "locked"
	Wrong int    `json:"wrong_tries"`
}

func viewUser(u api.UserInfo) userView {
	state := "set"
	switch {
	case u.Locked:
		state = "locked"
	case u.Failures > 0:
		state = pinWord(u.Held, u.Busy, "wrong tries")
	default:
		state = pinWord(0, u.Busy, state)
	}
	return userView{u.Name, state, u.Failures}
}

func printUsers(w io.Writer, views []userView) {
	rows := make([][]string, len(views))
	for i, v := range views {
		rows[i] = []string{plain(v.Name), v.PIN, strconv.Itoa(v.Wrong)}
	}
	printTable(w, []string{"NAME", "PIN", "WRONG TRIES"}, rows)
}

// calledOrUnnamed is a user in a sentence.
func calledOrUnnamed(name string) string {
	if name == "" {
		return "the user without a name"
	}
	return fmt.Sprintf("user %s", quote(name))
}
