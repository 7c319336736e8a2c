package main

import (
	"bufio"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/audit/export"
)

const auditExportText = `Print the records of the log for a collector of events, one a line:

  json  JSON lines, as the log has them (hsm/audit/FORMAT.md)
  cef   Common Event Format, version 0
  ocsf  events of the Open Cybersecurity Schema Framework, 1.3.0, as JSON lines

A time is a date, 2026-01-02, or 2026-01-02T03:04:05Z, both in UTC, or how long ago it
was: 90m, 24h. An act is named as the log names it, * standing for anything.`

// exportOptions are the flags of audit export.
type exportOptions struct {
	format, since, until string
	first                int64
	filter               audit.Filter
}

func newAuditExport(t *tool) *cobra.Command {
	var which logChoice
	var o exportOptions
	c := &cobra.Command{
		Use:     "export",
		Short:   "Print the records for a collector of events",
		Long:    auditExportText,
		Example: "  coffer audit export --format ocsf --since 24h\n  coffer audit export --format cef --act \"pin.*\"\n  coffer audit export --from 100",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := completeFilter(c, &o.filter, o.since, o.until); err != nil {
				return err
			}
			if _, err := export.New(o.format, t.out, export.Source{}); err != nil {
				return usageError(c, "--format: %w", err)
			}
			return t.withAudit(&which, func(l *audit.Log) error { return t.exportAudit(l, &o) })
		},
	}
	which.register(c)
	flags := c.Flags()
	flags.StringVar(&o.format, "format", "json", "as `FORMAT`: "+strings.Join(export.Formats(), ", "))
	flags.Int64Var(&o.first, "from", 0, "begin with record `N`")
	flags.StringVar(&o.filter.Act, "act", "", "only what was done: `ACT` or a pattern")
	flags.StringVar(&o.since, "since", "", "at `TIME` or later")
	flags.StringVar(&o.until, "until", "", "at `TIME` or earlier")
	return c
}

// exportAudit prints what is asked for, with as many records in memory as there are
// under one checkpoint.
func (t *tool) exportAudit(l *audit.Log, o *exportOptions) error {
	w := bufio.NewWriterSize(t.out, 64<<10)
	print, err := export.New(o.format, w, export.Source{Log: l.Name(), Version: hsm.Version})
	if err != nil {
		return err
	}
	err = recordPrinter(print).records(audit.Read(l.Dir(), o.first), o.filter.Match)
	return errors.Join(err, w.Flush())
}
