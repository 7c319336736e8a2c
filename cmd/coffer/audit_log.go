package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
)

// logChoice says which log is meant: that of a partition, or the home's own.
type logChoice struct {
	partition string
	home      bool
}

func (l *logChoice) register(c *cobra.Command) {
	partitionFlag(c, &l.partition)
	c.Flags().BoolVar(&l.home, "home", false, "the log of the home itself, not that of a partition")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if l.home && l.partition != "" {
			return usageError(c, "--home and --partition exclude each other")
		}
		return nil
	}
}

// named reports whether a log was asked for by name.
func (l *logChoice) named() bool { return l.home || l.partition != "" }

// withAudit opens the log that was chosen for the time of f.
func (t *tool) withAudit(which *logChoice, f func(*audit.Log) error) error {
	if which.home {
		return t.withModule(func(m *hsm.Module) error { return m.HomeLog(f) })
	}
	return t.withPartition(which.partition, func(m *hsm.Module, s api.Slot) error {
		l, err := m.AuditLog(s.ID)
		if err != nil {
			return err
		}
		return f(l)
	})
}

// eachAudit runs f with every log there is, first the home's; name is the log's, for
// people, and failed why there is no log. All are gone through, whatever is wrong with one.
func (t *tool) eachAudit(f func(name string, l *audit.Log, failed error) error) error {
	return t.withModule(func(m *hsm.Module) error {
		opened := false
		err := m.HomeLog(func(l *audit.Log) error {
			opened = true
			return f("the home", l, nil)
		})
		switch {
		case errors.Is(err, hsm.ErrNoHome):
			return err
		case errors.Is(err, hsm.ErrNoHomeLog):
			t.warn("%v", err)
			err = nil
		case !opened:
			err = f("the home", nil, err)
		}
		for _, s := range partitions(m) {
			name := "partition " + quote(s.Partition.Info().Label)
			l, failed := m.AuditLog(s.ID)
			if failed != nil {
				name = fmt.Sprintf("slot %d", s.ID) // its label is not to be had
			}
			err = errors.Join(err, f(name, l, failed))
		}
		return err
	})
}
