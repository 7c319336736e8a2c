package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const auditUsesText = `Say whether the log tells of every use of a key of the partition, beside the acts
that change something. The SO PIN is needed, and the change is itself recorded. It
holds at once, for programs that run as well.

Uses are written down within a second: a program that is killed loses at most those
of its last second, and "coffer audit verify" tells of it.`

// usesWords are what audit uses takes.
var usesWords = map[string]bool{"on": true, "off": false}

func newAuditUses(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:               "uses PARTITION on|off",
		Short:             "Record uses of keys, or do not",
		Long:              auditUsesText,
		Example:           "  coffer audit uses demo on\n  coffer audit uses demo off --so-pin-file so.pin",
		Args:              usesArguments,
		ValidArgsFunction: completePartition,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withPartition(args[0], func(m *hsm.Module, s api.Slot) error {
				return t.setAuditUses(m, s, args[1])
			})
		},
	}
	t.so.register(c)
	return c
}

func usesArguments(c *cobra.Command, args []string) error {
	if len(args) < 2 {
		return usageError(c, "%s and on or off are needed", partitionArgument)
	}
	if _, ok := usesWords[args[1]]; !ok || len(args) > 2 {
		return usageError(c, "unexpected argument %q", args[len(args)-1])
	}
	return nil
}

func (t *tool) setAuditUses(m *hsm.Module, s api.Slot, word string) error {
	label := quote(s.Partition.Info().Label)
	pin, err := t.so.read(t, "SO PIN of "+label)
	if err != nil {
		return err
	}
	id, err := s.Partition.Login(ck.CKU_SO, pin.Expose())
	pin.Zero()
	if err != nil {
		return pinError(err, s, ck.CKU_SO)
	}
	defer s.Partition.Logout(id)
	if err := m.SetAuditUses(s.ID, api.Caller{Identity: id, ReadWrite: true}, usesWords[word]); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "recording uses of keys of partition %s is %s\n", label, word)
	return nil
}
