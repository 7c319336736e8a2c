package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

const auditText = `Read and check the audit log of a partition: what was done to it, when, by which
process, and how it ended; or, with --home, that of the home itself: partitions made,
deleted and restored, what opens the home, backups, repairs. No PIN is needed to read.

Keep a checkpoint elsewhere from time to time: with it, "audit verify --since" shows
whether anything was changed, removed or put in another order since.`

func newAudit(t *tool) *cobra.Command {
	return parent(&cobra.Command{
		Use:   "audit",
		Short: "Read and check what was done to a partition or the home",
		Long:  auditText,
		Example: "  coffer audit tail -f\n  coffer audit search --act \"pin.*\" --since 24h\n" +
			"  coffer audit checkpoint > /elsewhere/demo.checkpoint\n" +
			"  coffer audit verify --since /elsewhere/demo.checkpoint",
	}, newAuditTail(t), newAuditSearch(t), newAuditExport(t), newAuditVerify(t), newAuditCheckpoint(t),
		newAuditUses(t), newAuditAccept(t))
}

func newAuditCheckpoint(t *tool) *cobra.Command {
	var which logChoice
	var key bool
	var o anchorOptions
	c := &cobra.Command{
		Use:     "checkpoint",
		Short:   "Print the last signed checkpoint, to be kept elsewhere",
		Long:    "Print the last checkpoint of the log: a signed note with the number of records and\ntheir hash. With --key, print the public key that it is signed with instead.\n\nWith --tpm the home is anchored first: the heads of all logs go into that of the home,\nand a counter in the TPM counts. \"coffer audit verify --tpm\" then shows a copy of the\nhome, or of a partition, that is older.",
		Example: "  coffer audit checkpoint > /elsewhere/demo.checkpoint\n  coffer audit checkpoint --home > /elsewhere/home.checkpoint\n  coffer audit checkpoint --key",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if o.tpm {
				return t.anchor(&o)
			}
			return t.withAudit(&which, func(l *audit.Log) error { return t.printCheckpoint(l, key) })
		},
	}
	which.register(c)
	o.register(c, "anchor the home in the TPM, and print the checkpoint of its log")
	c.Flags().BoolVar(&key, "key", false, "print the public key")
	return c
}

func (t *tool) printCheckpoint(l *audit.Log, key bool) error {
	if key {
		text, err := l.VerifierKey()
		fmt.Fprintln(t.out, text)
		return err
	}
	c, ok, err := l.Checkpoint()
	if err == nil && !ok {
		err = fmt.Errorf("nothing has been recorded yet")
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(t.out, c.Note)
	return err
}
