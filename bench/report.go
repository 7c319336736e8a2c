package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// A Report is a comparison as it is kept: all that tables and charts are made of.
type Report struct {
	Day     string   `json:"day,omitempty"` // as 2026-11-22
	Machine Machine  `json:"machine"`
	Clock   string   `json:"clock"` // "wall" or "cpu"
	Rounds  int      `json:"rounds"`
	Millis  int64    `json:"milliseconds"` // of a turn
	Results []Result `json:"results"`
}

// NewReport is what a plan gave, on this machine and day.
func NewReport(p Plan, results []Result) Report {
	r := Report{
		Day: time.Now().UTC().Format(time.DateOnly), Machine: Describe(),
		Clock: "wall", Rounds: p.Rounds, Millis: p.Time.Milliseconds(), Results: results,
	}
	if p.CPU {
		r.Clock = "cpu"
	}
	return r
}

// ReadReport reads what WriteJSON wrote.
func ReadReport(r io.Reader) (report Report, err error) {
	if err := json.NewDecoder(r).Decode(&report); err != nil {
		return report, fmt.Errorf("bench: not a comparison: %w", err)
	}
	if len(report.Results) == 0 {
		return report, fmt.Errorf("bench: a comparison without results")
	}
	return report, nil
}

// WriteJSON writes the report for machines.
func (r Report) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// String is the machine and the way of measuring, on one line.
func (r Report) String() string {
	return r.about(fmt.Sprintf("%d cores (%s)", r.Machine.Cores, strings.Join(r.Machine.Flags, " ")))
}

// note is String without the processor's features, for under a drawing.
func (r Report) note() string { return r.about(fmt.Sprintf("%d cores", r.Machine.Cores)) }

func (r Report) about(cores string) string {
	s := fmt.Sprintf("%s, %s, %s; clock: %s, %d turns of %v", r.Machine.CPU, cores, r.Machine.Go,
		r.Clock, r.Rounds, time.Duration(r.Millis)*time.Millisecond)
	if r.Day != "" {
		s += "; " + r.Day
	}
	return s
}

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%v\n\n", r); err != nil {
		return err
	}
	return WriteTable(w, r.Results, r.modules())
}

// modules are the names of those that have a figure, in the order of Modules.
func (r Report) modules() (names []string) {
	for _, m := range Modules("") {
		if slices.ContainsFunc(r.Results, func(x Result) bool { _, ok := x.Modules[m.Name]; return ok }) {
			names = append(names, m.Name)
		}
	}
	return names
}

// threads are the numbers of threads, in the order of the results.
func (r Report) threads() (all []int) {
	for _, x := range r.Results {
		if !slices.Contains(all, x.Threads) {
			all = append(all, x.Threads)
		}
	}
	return all
}

// Bars is the drawing of the results of the first number of threads.
func (r Report) Bars() Bars {
	b := Bars{Note: r.note()}
	n := r.threads()[0]
	for _, x := range r.Results {
		if x.Threads == n {
			b.Results = append(b.Results, x)
		}
	}
	b.Title = fmt.Sprintf("Coffer beside other PKCS #11 tokens, threads: %d", n)
	return b
}

// scaling are the rows that tell how what is slow and what is quick goes with
// threads.
var scaling = []string{"rsa-2048-sign", "p256-sign", "aes-256-gcm-16B", "aes-256-gcm-16KiB", "sha256-64B", "find-1-of-1000"}

// Panels is the drawing by threads of a few of the rows. ok is false if there is
// nothing to draw: one number of threads, or none of these rows.
func (r Report) Panels() (p Panels, ok bool) {
	p = Panels{Title: "Operations a second by threads", Note: r.note(), Threads: r.threads()}
	for _, row := range scaling {
		if panel := r.panel(row, len(p.Threads)); len(panel.Lines) > 0 {
			p.Rows = append(p.Rows, panel)
		}
	}
	return p, len(p.Threads) > 1 && len(p.Rows) > 0
}

// panel has a line for each module that has a figure for all numbers of threads.
func (r Report) panel(row string, threads int) Panel {
	p := Panel{Row: row}
	for _, name := range r.modules() {
		line := Series{Name: name}
		for _, x := range r.Results {
			if f, ok := x.Modules[name]; ok && x.Row == row {
				line.Y = append(line.Y, f.Median)
				p.Bytes = x.Bytes
			}
		}
		if len(line.Y) == threads {
			p.Lines = append(p.Lines, line)
		}
	}
	return p
}

// Save writes the report and its drawings: base.txt, base.json, base.svg, and
// base-threads.svg if there are several numbers of threads.
func (r Report) Save(base string) error {
	files := []file{{".txt", r.WriteText}, {".json", r.WriteJSON}, {".svg", r.Bars().WriteSVG}}
	if p, ok := r.Panels(); ok {
		files = append(files, file{"-threads.svg", p.WriteSVG})
	}
	return save(base, files...)
}

// file is a kind of file that something is kept in.
type file struct {
	ending string
	write  func(io.Writer) error
}

// save writes files whose names begin alike.
func save(base string, files ...file) error {
	for _, f := range files {
		w, err := os.Create(base + f.ending)
		if err != nil {
			return err
		}
		if err := f.write(w); err != nil {
			w.Close()
			return fmt.Errorf("bench: %s%s: %w", base, f.ending, err)
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}
