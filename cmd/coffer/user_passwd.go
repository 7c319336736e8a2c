package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const userPasswdText = `Change the PIN of a user who knows it. Without NAME it is the user without a name.

The old PIN is needed, not that of the SO. Programs that are logged in stay so. Who has
forgotten the PIN asks the SO: coffer user unlock --new-pin.`

const userPasswdExample = `  coffer user passwd
  coffer user passwd alice -p demo
  coffer user passwd alice --pin-file old.pin --new-pin-file new.pin`

func newUserPasswd(t *tool) *cobra.Command {
	var partition string
	c := &cobra.Command{
		Use:               "passwd [NAME]",
		Short:             "Change the PIN of a user",
		Long:              userPasswdText,
		Example:           userPasswdExample,
		Args:              atMostOneArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return t.withPartition(partition, func(_ *hsm.Module, s api.Slot) error { return t.changePIN(s, name) })
		},
	}
	partitionFlag(c, &partition)
	t.user.register(c)
	t.newPIN.register(c)
	return c
}

func (t *tool) changePIN(s api.Slot, name string) error {
	old, err := t.user.read(t, "Old PIN of "+calledOrUnnamed(name))
	if err != nil {
		return err
	}
	defer old.Zero()
	pin, err := t.newPIN.readNew(t, "New PIN of "+calledOrUnnamed(name))
	if err != nil {
		return err
	}
	defer pin.Zero()
	if err := s.Partition.SetUserPIN(name, old.Expose(), pin.Expose()); err != nil {
		return pinError(err, s, ck.CKU_USER)
	}
	fmt.Fprintf(t.out, "changed the PIN of %s\n", calledOrUnnamed(name))
	return nil
}
