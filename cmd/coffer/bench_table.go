package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/coffer-hsm/coffer/bench/drive"
)

// benchTable prints a table row by row: its columns are known before what is in them.
type benchTable struct {
	w     io.Writer // nil: nothing is printed, the JSON comes at the end
	first int       // width of the first column
}

// benchColumn is the width of the columns of rates, and of the gap before them.
const benchColumn = 12

// newBenchTable prints the head.
func newBenchTable(t *tool, threads []int, rows []string) *benchTable {
	b := &benchTable{w: t.out, first: len("OPERATION")}
	if t.json {
		b.w = nil
	}
	for _, name := range rows {
		b.first = max(b.first, len(name))
	}
	head := []string{"OPERATION"}
	for _, n := range threads {
		head = append(head, threadsText(n))
	}
	b.line(head)
	return b
}

func threadsText(n int) string {
	if n == 1 {
		return "1 THREAD"
	}
	return fmt.Sprintf("%d THREADS", n)
}

// print prints a row, and under it which calls failed.
func (b *benchTable) print(r benchRow) {
	cells := []string{plain(r.Row)}
	var failed []string
	for _, c := range r.Cells {
		switch {
		case c.Absent:
			cells = append(cells, orDash(""))
		case c.Failed != "":
			cells, failed = append(cells, "failed"), append(failed, "  "+sentence(c.Failed))
		default:
			cells = append(cells, drive.Rate(c.Rate, r.Bytes))
		}
	}
	b.line(cells)
	for _, why := range failed {
		b.line([]string{why})
	}
}

// line prints the first cell to the left and the others to the right.
func (b *benchTable) line(cells []string) {
	if b.w == nil {
		return
	}
	text := cells[0]
	for i, c := range cells[1:] {
		width := b.first + (i+1)*benchColumn
		text += strings.Repeat(" ", max(1, width-utf8.RuneCountInString(text)-utf8.RuneCountInString(c))) + c
	}
	fmt.Fprintln(b.w, text)
}
