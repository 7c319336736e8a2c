package main

import (
	"iter"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

const auditTailText = `Print the last records of the log, and with --follow those that come, until it is
interrupted. With --json a record is one JSON object a line (hsm/audit/FORMAT.md).`

func newAuditTail(t *tool) *cobra.Command {
	var which logChoice
	var n int64
	var follow bool
	c := &cobra.Command{
		Use:     "tail",
		Short:   "Print the last records, and those that come",
		Long:    auditTailText,
		Example: "  coffer audit tail -n 20\n  coffer audit tail -f --json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if n < 0 {
				return usageError(c, "-n is less than 0")
			}
			return t.tailAudit(&which, n, follow)
		},
	}
	which.register(c)
	c.Flags().Int64VarP(&n, "lines", "n", 10, "begin with the last `N` records")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with the records that come")
	t.jsonFlag(c)
	return c
}

// tailAudit closes the partition before it prints: a log is followed without the keys.
func (t *tool) tailAudit(which *logChoice, n int64, follow bool) error {
	var dir string
	var first int64
	err := t.withAudit(which, func(l *audit.Log) error {
		c, _, err := l.Checkpoint()
		dir, first = l.Dir(), max(0, c.Size-n)
		return err
	})
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	var records iter.Seq2[audit.Record, error] = audit.Read(dir, first)
	if follow {
		records = audit.Follow(ctx, dir, first)
	}
	return t.recordPrinter().records(records, everyRecord)
}
