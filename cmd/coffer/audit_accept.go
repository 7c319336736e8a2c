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
because what it would forget may be wrong PINs or keys that were destroyed. Damage far
from the end of the log only "audit verify" and "check" see; it keeps nobody out.

Find out first who did it. It takes the SO PIN, says what was wrong, and is itself
recorded. The log goes on, but for one that is damaged or another partition's: that is
kept beside the new one that begins, and proves no more what it tells. PARTITION is the
slot number: a partition that is refused cannot tell its label.

With --home it is the log of the home itself that is damaged, or has lost its key: it is
moved aside, and a new one begins. The root key is all that it takes.`

func newAuditAccept(t *tool) *cobra.Command {
	var home bool
	c := &cobra.Command{
		Use:     "accept PARTITION | --home",
		Short:   "Use a partition though its log and its store do not fit",
		Long:    auditAcceptText,
		Example: "  coffer audit accept 1\n  coffer audit accept 1 --so-pin-file so.pin\n  coffer audit accept --home",
		Args: func(c *cobra.Command, args []string) error {
			if home {
				return noArguments(c, args)
			}
			return oneArgument(partitionArgument)(c, args)
		},
		ValidArgsFunction: completePartition,
		RunE: func(_ *cobra.Command, args []string) error {
			if home {
				return t.withModule(t.acceptHomeLog)
			}
			return t.withPartition(args[0], t.acceptAudit)
		},
	}
	t.so.register(c)
	c.Flags().BoolVar(&home, "home", false, "the log of the home itself")
	return c
}

func (t *tool) acceptHomeLog(m *hsm.Module) error {
	aside, err := m.AcceptHomeLog()
	if err == nil {
		fmt.Fprintf(t.out, "accepted: a new log of the home has begun; the old one is in %s\n", aside)
	}
	return err
}

func (t *tool) acceptAudit(m *hsm.Module, s api.Slot) error {
	pin, err := t.so.read(t, "SO PIN")
	if err != nil {
		return err
	}
	defer pin.Zero()
	a, err := m.AcceptAudit(s.ID, pin.Expose())
	if err != nil {
		return pinError(err, s, ck.CKU_SO)
	}
	fmt.Fprintf(t.out, "accepted: %s\n", plain(oneLine(a.Why.Error())))
	if a.Aside != "" {
		fmt.Fprintf(t.out, "a new log has begun; the old one is in %s\n", plain(a.Aside))
	}
	fmt.Fprintf(t.out, "the partition in slot %d can be used\n", s.ID)
	return nil
}
