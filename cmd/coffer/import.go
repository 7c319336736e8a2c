package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/importer"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

const importText = `Bring keys, certificates and data from elsewhere into a partition.

Everything in the source comes over in one step, or nothing does: if there is
something that the partition cannot have, the list says what and why, and
--partial imports the rest. --dry-run makes the list and changes nothing. What is
there already is left alone, so that a second run does no harm.

Keys that were outside are not "always sensitive", "never extractable" or
"local", whatever the source says of them. The source is only read.`

func newImport(t *tool) *cobra.Command {
	return parent(&cobra.Command{
		Use:     "import",
		Short:   "Bring keys from SoftHSM2, NSS or files into a partition",
		Long:    importText,
		Example: "  coffer import softhsm2 --token demo --dry-run\n  coffer import pem web.key --partition demo",
	}, newImportSoftHSM2(t), newImportNSS(t), newImportPKCS12(t), newImportPEM(t), newImportAES(t))
}

// importOrder is what the commands of import have in common.
type importOrder struct {
	partition       string
	dryRun, partial bool
}

func (o *importOrder) register(t *tool, c *cobra.Command) {
	t.source.register(c)
	f := c.Flags()
	f.BoolVarP(&o.dryRun, "dry-run", "n", false, "list what would come over, and change nothing")
	f.BoolVar(&o.partial, "partial", false, "import what can come over and leave the rest")
	partitionFlag(c, &o.partition)
	t.userFlags(c)
	t.jsonFlag(c)
}

// sourceError explains why a source cannot be read.
func sourceError(err error) error {
	switch {
	case errors.Is(err, importer.ErrPassword):
		return &advised{err, "nothing was imported", exitWrongPIN}
	case errors.Is(err, importer.ErrFormat), errors.Is(err, importer.ErrUnsupported), errors.Is(err, importer.ErrBusy):
		return &advised{err, "nothing was imported", exitFailed}
	}
	return err
}

// importInto logs in to the partition and imports a source.
func (t *tool) importInto(o importOrder, s *importer.Source) error {
	return t.withLogin(o.partition, func(l login) error { return t.importAs(o, s, l) })
}

// importAs rehearses, and writes unless there is something against it.
func (t *tool) importAs(o importOrder, s *importer.Source, l login) error {
	bar := t.progress("trying objects")
	s.Progress = bar.set
	plan, err := importer.Rehearse(l.Partition, l.who, s)
	bar.end()
	if err != nil {
		return fmt.Errorf("nothing was imported: %w", err)
	}
	refused := plan.Count(importer.Cannot)
	write := !o.dryRun && (refused == 0 || o.partial)
	if write {
		if err := plan.Write(); err != nil {
			return fmt.Errorf("nothing was imported: %w", err)
		}
	}
	if err := t.show(plan, func(w io.Writer) { printPlan(w, plan, o.verb(write, refused), l.Info()) }); err != nil {
		return err
	}
	if !o.dryRun && !write {
		return hintf("--partial imports the rest", "nothing was imported: %d of %d objects cannot come over", refused, len(plan.Steps))
	}
	return nil
}

// verb says what is done with what can come over, if so many objects cannot.
func (o *importOrder) verb(written bool, refused int) string {
	switch {
	case written:
		return "imported"
	case refused > 0 && !o.partial:
		return "with --partial would import"
	}
	return "would import"
}

// printPlan lists what becomes of each object, and then how many are imported, in the words
// of verb.
func printPlan(w io.Writer, p *importer.Plan, verb string, to api.PartitionInfo) {
	rows := make([][]string, len(p.Steps))
	for i, s := range p.Steps {
		remarks := s.Notes
		if s.Why != "" {
			remarks = append([]string{s.Why}, remarks...)
		}
		if s.Fate == importer.Cannot {
			remarks[0] = s.Where + ": " + remarks[0]
		}
		kind := strings.TrimPrefix(s.Class, "CKO_")
		if s.Type != "" {
			kind += " " + strings.TrimPrefix(s.Type, "CKK_")
		}
		rows[i] = []string{string(s.Fate), kind, orDash(plain(s.Label)), orDash(s.ID), plain(strings.Join(remarks, "; "))}
	}
	printTable(w, []string{"", "OBJECT", "LABEL", "ID", "REMARKS"}, rows)
	fmt.Fprintf(w, "%s: %s %d into partition %s; there already: %d, cannot: %d, left: %d\n", p.Source, verb,
		p.Count(importer.Comes), quote(to.Label), p.Count(importer.There), p.Count(importer.Cannot), p.Count(importer.Stays))
}

// askSource reads the password of a source.
func (t *tool) askSource(prompt string) func() (*secret.Bytes, error) {
	return func() (*secret.Bytes, error) { return t.source.read(t, prompt) }
}
