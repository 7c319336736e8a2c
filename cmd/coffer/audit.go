package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
)

const auditText = `Read and check the audit log of a partition: what was done to it, when, by which
process, and how it ended. No PIN is needed to read it.

Keep a checkpoint elsewhere from time to time: with it, "audit verify --since" shows
whether anything was changed, removed or put in another order since.`

func newAudit(t *tool) *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Read and check what was done to a partition",
		Long:  auditText,
		Example: "  coffer audit tail -f\n  coffer audit search --act \"pin.*\" --since 24h\n" +
			"  coffer audit checkpoint > /elsewhere/demo.checkpoint\n" +
			"  coffer audit verify --since /elsewhere/demo.checkpoint",
		Args: subcommandOnly,
		RunE: showHelp,
	}
	c.AddCommand(newAuditTail(t), newAuditSearch(t), newAuditExport(t), newAuditVerify(t), newAuditCheckpoint(t),
		newAuditUses(t), newAuditAccept(t))
	return c
}

// withAudit opens the log of the partition called name for the time of f.
func (t *tool) withAudit(name string, f func(*audit.Log) error) error {
	return t.withPartition(name, func(m *hsm.Module, s api.Slot) error {
		l, err := m.AuditLog(s.ID)
		if err != nil {
			return err
		}
		return f(l)
	})
}

func newAuditVerify(t *tool) *cobra.Command {
	var name, since string
	c := &cobra.Command{
		Use:     "verify",
		Short:   "Check that the log is whole, and continues a checkpoint",
		Long:    "Read the whole log and check every record and every checkpoint, and that the store\nknows no act that the log does not tell of.",
		Example: "  coffer audit verify\n  coffer audit verify --since /elsewhere/demo.checkpoint",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			return t.withAudit(name, func(l *audit.Log) error { return t.verifyAudit(l, since) })
		},
	}
	partitionFlag(c, &name)
	c.Flags().StringVar(&since, "since", "", "a checkpoint in `FILE` that was kept elsewhere")
	return c
}

func (t *tool) verifyAudit(l *audit.Log, since string) error {
	var earlier []audit.Checkpoint
	if since != "" {
		b, err := os.ReadFile(since)
		if err != nil {
			return err
		}
		c, err := audit.OpenCheckpoint(string(b), l.Verifier())
		if err != nil {
			return err
		}
		earlier = append(earlier, c)
	}
	r, err := audit.Verify(l.Dir(), l.Verifier(), earlier...)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "the log is sound: %d records\n", r.Last.Size)
	for _, a := range r.Accepted {
		fmt.Fprintf(t.out, "accepted at record %d: %s\n", a.Seq, plain(a.Detail))
	}
	for _, b := range r.Lost {
		fmt.Fprintf(t.out, "process %d (%s) has not ended its record of uses: at most %d are not in the log\n", b.PID, plain(b.Program), b.Count)
	}
	return nil
}

func newAuditCheckpoint(t *tool) *cobra.Command {
	var name string
	var key bool
	c := &cobra.Command{
		Use:     "checkpoint",
		Short:   "Print the last signed checkpoint, to be kept elsewhere",
		Long:    "Print the last checkpoint of the log: a signed note with the number of records and\ntheir hash. With --key, print the public key that it is signed with instead.",
		Example: "  coffer audit checkpoint > /elsewhere/demo.checkpoint\n  coffer audit checkpoint --key",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			return t.withAudit(name, func(l *audit.Log) error { return t.printCheckpoint(l, key) })
		},
	}
	partitionFlag(c, &name)
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
