package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const partitionRecoverText = `Set a new SO PIN of a partition whose SO PIN is lost or locked.

It takes the root key, so that whoever owns the home does it, and the PIN of a user,
which opens the keys. The label of the partition has to be typed, or given with
--confirm. The old SO PIN is worth nothing afterwards; users, their PINs and the keys stay as
they are. Programs cannot do this through PKCS #11.

Who has lost all PINs of a partition has lost its keys: nothing opens them, and
"coffer partition delete --force" is all that is left.`

const partitionRecoverExample = `  coffer partition recover-so demo
  coffer partition recover-so demo --user alice
  coffer partition recover-so demo --confirm demo --pin-file user.pin --so-pin-file new-so.pin`

func newPartitionRecover(t *tool) *cobra.Command {
	var label string
	c := t.onPartition(&cobra.Command{
		Use:     "recover-so PARTITION",
		Short:   "Set a new SO PIN with a user's PIN, if the SO PIN is lost",
		Long:    partitionRecoverText,
		Example: partitionRecoverExample,
	}, func(m *hsm.Module, s api.Slot) error { return t.recoverSO(m, s, label) })
	t.so.register(c)
	t.userFlags(c)
	c.Flags().StringVar(&label, "confirm", "", "do not ask: `LABEL` is that of the partition")
	return c
}

func (t *tool) recoverSO(m *hsm.Module, s api.Slot, typed string) error {
	info := s.Partition.Info()
	label := quote(info.Label)
	err := t.confirmLabel(fmt.Sprintf("The SO PIN of partition %s (serial number %s) will be set anew. The old one stops working.",
		label, info.Serial), info.Label, typed)
	if err != nil {
		return err
	}
	pin, err := t.user.read(t, "PIN of "+calledOrUnnamed(t.userName)+" of "+label)
	if err != nil {
		return err
	}
	defer pin.Zero()
	so, err := t.so.readNew(t, "New SO PIN of "+label)
	if err != nil {
		return err
	}
	defer so.Zero()
	if err := m.RecoverSO(s.ID, t.userName, pin.Expose(), so.Expose()); err != nil {
		return pinError(err, s, ck.CKU_USER)
	}
	fmt.Fprintf(t.out, "set a new SO PIN of partition %s\n", label)
	return nil
}
