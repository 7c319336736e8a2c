package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

const auditSearchText = `Print the records that fit everything that is asked for.

An act is named as the log names it, * standing for anything: object.destroy, "use.*".
A key is named by its unique ID (coffer key show) or the beginning of it: the log
knows no labels. A user is so, user, public or the name of one. A time is a date,
2026-01-02, or 2026-01-02T03:04:05Z, both in UTC, or how long ago it was: 90m, 24h.`

func newAuditSearch(t *tool) *cobra.Command {
	var which logChoice
	var since, until string
	var f audit.Filter
	c := &cobra.Command{
		Use:     "search",
		Short:   "Print the records of an act, a key, a user or a time",
		Long:    auditSearchText,
		Example: "  coffer audit search --act \"pin.*\" --since 24h\n  coffer audit search --user so --result failed --json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := completeFilter(c, &f, since, until); err != nil {
				return err
			}
			return t.withAudit(&which, func(l *audit.Log) error {
				return t.recordPrinter().records(audit.Read(l.Dir(), 0), f.Match)
			})
		},
	}
	which.register(c)
	flags := c.Flags()
	flags.StringVar(&f.Act, "act", "", "what was done: `ACT` or a pattern")
	flags.StringVar(&f.Object, "key", "", "to the object with unique `ID`")
	flags.StringVar(&f.Who, "user", "", "by the user called `NAME`")
	flags.StringVar(&f.Result, "result", "", "ended with `RESULT`: ok, failed, or the name of one (CKR_PIN_INCORRECT)")
	flags.StringVar(&since, "since", "", "at `TIME` or later")
	flags.StringVar(&until, "until", "", "at `TIME` or earlier")
	t.jsonFlag(c)
	return c
}

// completeFilter checks f and adds its times.
func completeFilter(c *cobra.Command, f *audit.Filter, since, until string) (err error) {
	if err := f.Err(); err != nil {
		return usageError(c, "--act %s: %w", quote(f.Act), err)
	}
	now := time.Now()
	if f.Since, err = moment(since, now); err != nil {
		return usageError(c, "--since: %w", err)
	}
	if f.Until, err = moment(until, now); err != nil {
		return usageError(c, "--until: %w", err)
	}
	return nil
}

// moment reads a time, as the help of audit search tells them. None is the zero time.
func moment(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is no time", quote(s))
}
