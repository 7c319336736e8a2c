package main

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/audit/export"
)

// recordPrinter prints one record, on one line.
type recordPrinter func(*audit.Record) error

// records prints those that fit.
func (print recordPrinter) records(all iter.Seq2[audit.Record, error], fits func(*audit.Record) bool) error {
	for r, err := range all {
		if err != nil {
			return err
		}
		if !fits(&r) {
			continue
		}
		if err := print(&r); err != nil {
			return err
		}
	}
	return nil
}

func everyRecord(*audit.Record) bool { return true }

// recordRow is a line of the table. Its columns have fixed widths, so that a record
// can be printed before the next is known.
const recordRow = "%6v  %-20s  %-10s  %-18s  %-16s  %-16s  %s\n"

// textRecords prints records as a table, and its head at once.
func textRecords(w io.Writer) recordPrinter {
	_, failed := fmt.Fprintf(w, recordRow, "SEQ", "TIME", "WHO", "ACT", "RESULT", "PROGRAM", "WHAT")
	return func(r *audit.Record) error {
		if failed != nil {
			return failed
		}
		_, err := fmt.Fprintf(w, recordRow, r.Seq, r.Time.UTC().Format(time.RFC3339), orDash(plain(r.Who)), plain(string(r.Act)),
			plain(r.Result), fmt.Sprintf("%s[%d]", plain(r.Program), r.PID), orDash(describeRecord(r)))
		return err
	}
}

// describeRecord tells what an act was done to.
func describeRecord(r *audit.Record) string {
	words := []string{r.Object, r.Class, r.KeyType, r.Mechanism}
	if r.Count > 0 {
		words = append(words, fmt.Sprintf("%d times", r.Count))
	}
	if r.Slot > 0 {
		words = append(words, fmt.Sprintf("slot %d", r.Slot))
	}
	words = append(words, r.Detail)
	if r.Of > 0 {
		words = append(words, fmt.Sprintf("(begun: %d)", r.Of))
	}
	var told []string
	for _, word := range words {
		if word != "" {
			told = append(told, plain(word))
		}
	}
	return strings.Join(told, " ")
}

// recordPrinter is the one that --json asks for, or the table.
func (t *tool) recordPrinter() recordPrinter {
	if t.json {
		return recordPrinter(export.JSON(t.out))
	}
	return textRecords(t.out)
}
