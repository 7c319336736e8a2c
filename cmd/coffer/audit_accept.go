package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const auditAcceptText = `Accept that the audit log of a partition and its store do not fit: an older copy of
one of them was put back, or the log is damaged. Coffer refuses such a partition,
because what it would forget may be wrong PINs or keys that were destroyed.

Find out first who did it. It takes the SO PIN, and is itself recorded. PARTITION is
the slot number: a partition that is refused cannot tell its label.`

func newAuditAccept(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:               "accept PARTITION",
		Short:             "Use a partition though its log and its store do not fit",
		Long:              auditAcceptText,
		Example:           "  coffer audit accept 1\n  coffer audit accept 1 --so-pin-file so.pin",
		Args:              oneArgument(partitionArgument),
		ValidArgsFunction: completePartition,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.withPartition(args[0], t.acceptAudit)
		},
	}
	t.so.register(c)
	return c
}

func (t *tool) acceptAudit(m *hsm.Module, s api.Slot) error {
	pin, err := t.so.read(t, "SO PIN")
	if err != nil {
		return err
	}
	defer pin.Zero()
	if err := m.AcceptAudit(s.ID, pin.Expose()); err != nil {
		return pinError(err, s, ck.CKU_SO)
	}
	fmt.Fprintf(t.out, "accepted: the partition in slot %d can be used again\n", s.ID)
	return nil
}
