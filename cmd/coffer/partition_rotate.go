package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const partitionRotateText = `Change the keys that seal the objects of a partition: make new ones, seal every
object under them, and drop the old ones. The objects stay as they are, and
programs that use them go on meanwhile, but for logins by a PIN that was changed
since: those end.

The key that PINs open is changed as well: who had it, such as a user who was deleted,
opens nothing after that. It stays until each PIN has been given once to this version of
Coffer; whose was not is told. Who knows a PIN, or has read the memory of a program
that was logged in, is kept out by a new PIN alone: set that first.

It takes the user PIN, or the SO PIN with --so-pin-file. It can be interrupted at
any point, and takes up where it ended when it is run again.`

func newPartitionRotate(t *tool) *cobra.Command {
	c := t.onPartition(&cobra.Command{
		Use:     "rotate PARTITION",
		Short:   "Change the keys that seal a partition's objects",
		Long:    partitionRotateText,
		Example: "  coffer partition rotate demo\n  coffer partition rotate demo --so-pin-file so.pin",
	}, t.rotatePartition)
	t.user.register(c)
	t.so.register(c)
	return c
}

func (t *tool) rotatePartition(m *hsm.Module, s api.Slot) error {
	label := quote(s.Partition.Info().Label)
	user, source, prompt := ck.UserType(ck.CKU_USER), &t.user, "User PIN of "
	if t.so.file != "" {
		user, source, prompt = ck.CKU_SO, &t.so, "SO PIN of "
	}
	pin, err := source.read(t, prompt+label)
	if err != nil {
		return err
	}
	id, err := s.Partition.Login(user, pin.Expose())
	pin.Zero()
	if err != nil {
		return pinError(err, s, user)
	}
	defer s.Partition.Logout(id)
	ctx, stop := interruptible()
	defer stop()
	if err := t.rotateKeys(ctx, m, s, id); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "changed the keys of partition %s\n", label)
	t.tellRenewed(m.Renewed(s.ID))
	return nil
}

// tellRenewed says why the key that PINs open has stayed, if it has.
func (t *tool) tellRenewed(r hsm.Renewed) {
	switch {
	case len(r.Waiting) > 0:
		fmt.Fprintf(t.err, "but not the key that PINs open: it waits for the first login since the upgrade of %s; rotate again after that\n",
			strings.Join(r.Waiting, ", "))
	case !r.PINKey:
		fmt.Fprintln(t.err, "but not the key that PINs open: this rotation was begun before all PINs were ready for it; rotate again")
	}
}

func (t *tool) rotateKeys(ctx context.Context, m *hsm.Module, s api.Slot, id api.Identity) error {
	bar := t.progress("sealing objects")
	defer bar.end()
	err := m.RotateKeys(ctx, s.ID, api.Caller{Identity: id, ReadWrite: true}, bar.set)
	return unfinished(err, "coffer partition rotate")
}
