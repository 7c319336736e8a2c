package bench

import (
	"fmt"
	"io"
	"slices"

	"github.com/coffer-hsm/coffer/bench/drive"
)

// Panels is a drawing of a few rows side by side: the rate of every module by the
// number of threads, each from 0.
type Panels struct {
	Title, Note string
	Threads     []int
	Rows        []Panel
}

// Panel is one row of Panels: a line for each module, with a rate for each number
// of threads.
type Panel struct {
	Row   string
	Bytes int // of an operation
	Lines []Series
}

// Measures of the drawing, in the units of SVG.
const (
	panelsAcross           = 3
	panelWidth             = 290.0
	panelHeight            = 210.0
	panelLeft, panelRight  = 70.0, 14.0
	panelTop, panelBottom  = 34.0, 34.0
	panelsTop, panelsBelow = 60.0, 26.0
)

// WriteSVG draws the panels, three in a line.
func (p Panels) WriteSVG(w io.Writer) error {
	lines := (len(p.Rows) + panelsAcross - 1) / panelsAcross
	height := panelsTop + panelHeight*float64(lines) + panelsBelow
	d := drawing{w: w}
	d.begin(panelWidth*panelsAcross, height, p.Title)
	d.text(16, 24, "start", p.Title, `font-weight="bold"`, `font-size="15"`)
	for i, name := range p.modules() {
		x := 16 + 100*float64(i)
		d.printf(`<rect x="%.1f" y="38" width="14" height="4" fill="%s"/>`, x, colourOf[name])
		d.text(x+20, 45, "start", name)
	}
	for i, row := range p.Rows {
		x, y := panelWidth*float64(i%panelsAcross), panelsTop+panelHeight*float64(i/panelsAcross)
		d.printf(`<g transform="translate(%g,%g)">`, x, y)
		d.panel(p.Threads, row)
		d.printf(`</g>`)
	}
	d.text(16, height-10, "start", p.Note, `class="faint"`, `font-size="10"`)
	return d.end()
}

// modules are those that any panel has a line of, in the order of the first.
func (p Panels) modules() (names []string) {
	for _, row := range p.Rows {
		for _, l := range row.Lines {
			if !slices.Contains(names, l.Name) {
				names = append(names, l.Name)
			}
		}
	}
	return names
}

// panel draws one row. The numbers of threads have equal distances.
func (d *drawing) panel(threads []int, p Panel) {
	const left, right, top, bottom = panelLeft, panelWidth - panelRight, panelTop, panelHeight - panelBottom
	highest := 0.0
	for _, l := range p.Lines {
		highest = max(highest, slices.Max(l.Y))
	}
	d.text(left, top-14, "start", p.Row, `font-weight="bold"`)
	for i := range 3 {
		y := bottom + (top-bottom)*float64(i)/2
		d.line(left, y, right, y, `class="grid"`)
		if i > 0 {
			d.text(left-6, y+4, "end", drive.Rate(highest*float64(i)/2, p.Bytes), `class="faint"`)
		}
	}
	at := make([]float64, len(threads))
	for i, n := range threads {
		at[i] = left + 12 + (right-left-24)*float64(i)/float64(max(1, len(threads)-1))
		d.text(at[i], bottom+16, "middle", fmt.Sprint(n), `class="faint"`)
	}
	for _, l := range slices.Backward(p.Lines) { // Coffer is the first, and on top
		heights := make([]float64, len(l.Y))
		for i, v := range l.Y {
			heights[i] = bottom + (top-bottom)*v/highest
		}
		d.curve(at, heights, colourOf[l.Name])
	}
}
