// Package export writes the records of an audit log in the forms that collectors of
// events read: JSON lines as the log has them, CEF, and OCSF.
//
// A record becomes one line, written before the next is read: a log of any length takes
// no more memory than its longest record. What a record says comes from programs and
// people; nothing of it ends a line, opens a field or moves a terminal's cursor.
//
// It is for tools, not the PKCS #11 library. Whoever adds an act to hsm/audit adds a row
// to the table here.
package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

// Source is where the records come from.
type Source struct {
	Log     string // its name, as in its checkpoints
	Version string // of Coffer
}

// Printer writes one record as one line.
type Printer func(*audit.Record) error

// formats are all there are, by name.
var formats = map[string]func(io.Writer, Source) Printer{
	"json": func(w io.Writer, _ Source) Printer { return JSON(w) },
	"cef":  cef,
	"ocsf": ocsf,
}

// Formats names the formats that New knows.
func Formats() []string {
	var names []string
	for name := range formats {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// New is a Printer of a format, or an error that names those there are.
func New(format string, w io.Writer, s Source) (Printer, error) {
	make, ok := formats[format]
	if !ok {
		return nil, fmt.Errorf("there is no format %q but %s", format, strings.Join(Formats(), ", "))
	}
	return make(w, s), nil
}

// JSON prints records as the log has them (hsm/audit/FORMAT.md). Characters that a
// terminal might obey are written as JSON escapes.
func JSON(w io.Writer) Printer { return func(r *audit.Record) error { return writeJSON(w, r) } }

// writeJSON writes v as one line.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(EscapeJSON(b.Bytes()))
	return err
}

// EscapeJSON escapes what package json leaves as it is and a terminal might obey; only
// strings have any of it. Line feeds are between values.
func EscapeJSON(text []byte) (out []byte) {
	escaped := func(c rune) bool { return c != '\n' && isObeyed(c) }
	if !bytes.ContainsFunc(text, escaped) {
		return text
	}
	for _, c := range string(text) {
		if !escaped(c) {
			out = utf8.AppendRune(out, c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			out = fmt.Appendf(out, "\\u%04x", unit)
		}
	}
	return out
}

// isObeyed reports whether a character is a command to a terminal: a control character,
// or one that turns the direction of writing round and the like.
func isObeyed(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) }

// printable is s with U+FFFD for what a terminal or a collector might obey and for what
// is no UTF-8. Line breaks stay: each format has its own way with them.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c != '\n' && c != '\r' && isObeyed(c) {
			return unicode.ReplacementChar
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// outcome is how a record's act ended.
type outcome int

const (
	succeeded outcome = iota
	failed
	begun // how it ended is in a later record
)

func outcomeOf(r *audit.Record) outcome {
	switch {
	case r.Begun():
		return begun
	case r.Succeeded():
		return succeeded
	}
	return failed
}

// describe is a record in words.
func describe(r *audit.Record) string {
	text := rowOf(r.Act).name
	switch outcomeOf(r) {
	case failed:
		text += " (failed)"
	case begun:
		text += " (begun)"
	}
	if r.Count > 0 {
		text += fmt.Sprintf(", %d times", r.Count)
	}
	if r.Detail != "" {
		text += ": " + r.Detail
	}
	return printable(text)
}
