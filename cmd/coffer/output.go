package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/coffer-hsm/coffer/hsm/audit/export"
)

// printed is standard output, which remembers what could not be written to it: nobody
// looks at the error of each line, and what was not printed must not pass for said.
type printed struct {
	w   io.Writer
	err error // of the first write that failed
}

func (p *printed) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.w.Write(b)
	p.err = err
	return n, err
}

// sync has what was written on the disk, if it went to a file there.
func (p *printed) sync() error {
	f, ok := p.w.(*os.File)
	if p.err != nil || !ok {
		return p.err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	p.err = f.Sync()
	return p.err
}

// failed is what a command ends in that did its work and could not say so. It is not the
// error of a full disk: to run the command again is no advice.
func (p *printed) failed() error {
	if p.err == nil {
		return nil
	}
	return hintf("it was done all the same", "what it prints is lost: %v", p.err)
}

// show prints v as JSON with --json, and what text prints otherwise. Labels are anybody's:
// what a terminal might obey is escaped in both.
func (t *tool) show(v any, text func(io.Writer)) error {
	if !t.json {
		text(t.out)
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := t.out.Write(export.EscapeJSON(b.Bytes()))
	return err
}

// printTable prints rows under a head, aligned.
func printTable(w io.Writer, head []string, rows [][]string) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.StripEscape)
	for _, row := range append([][]string{head}, rows...) {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	_ = tw.Flush()
}

// printFields prints names and values, one pair a line, aligned.
func printFields(w io.Writer, fields [][2]string) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		fmt.Fprintf(tw, "%s:\t%s\n", f[0], f[1])
	}
	_ = tw.Flush()
}

// plain returns s as it may go to a terminal: a label is any bytes that some
// program chose, and must not move the cursor. What is not printable is quoted.
func plain(s string) string {
	if q := strconv.Quote(s); q[1:len(q)-1] != s {
		return q
	}
	return s
}

// sentence returns s, in which labels are quoted already, as it may go to a terminal.
func sentence(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// quote is plain for use in a sentence.
func quote(s string) string { return strconv.Quote(s) }

// orDash stands for what is empty in a table.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
