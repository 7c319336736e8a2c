package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

const partitionDeleteText = `Delete a partition and every key in it. There is no way back but a backup.

The SO PIN proves the right to do so. With --force no PIN is asked for: whoever
may delete the files of the home can delete a partition, and this is for those
who have lost the PIN.`

func newPartitionDelete(t *tool) *cobra.Command {
	var force bool
	c := t.onPartition(&cobra.Command{
		Use:     "delete PARTITION",
		Aliases: []string{"rm"},
		Short:   "Delete a partition and every key in it",
		Long:    partitionDeleteText,
		Example: "  coffer partition delete demo\n  coffer partition delete demo --so-pin-file so.pin --yes",
	}, func(m *hsm.Module, s api.Slot) error { return t.deletePartition(m, s, force) })
	t.so.register(c)
	t.yesFlag(c)
	c.Flags().BoolVar(&force, "force", false, "delete without the SO PIN")
	return c
}

func (t *tool) deletePartition(m *hsm.Module, s api.Slot, force bool) error {
	info := s.Partition.Info()
	label := quote(info.Label)
	var pin *secret.Bytes // nil: no proof
	if force {
		t.warn("deleting partition %s without its SO PIN", label)
	}
	err := t.confirm(fmt.Sprintf("Partition %s (serial number %s) and its %d objects will be deleted for good.",
		label, info.Serial, info.Objects))
	if err != nil {
		return err
	}
	if !force {
		if pin, err = t.so.read(t, "SO PIN of "+label); err != nil {
			return err
		}
		defer pin.Zero()
	}
	if err := m.Delete(s.ID, pin.Expose()); err != nil {
		return pinError(err, s, ck.CKU_SO)
	}
	fmt.Fprintf(t.out, "deleted partition %s\n", label)
	return nil
}
