package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// Series is one line of a Plot: a value for each X.
type Series struct {
	Name string
	Y    []float64
}

// Plot is a drawing of values by size, both axes logarithmic: what is flat is the
// same at every size.
type Plot struct {
	Title, XName, YName string
	X                   []float64 // rising, above 0
	Lines               []Series
	// Slope adds a dashed line: what rises like it grows with the size.
	Slope bool
}

// Add appends a value to the line of a name.
func (p *Plot) Add(name string, y float64) {
	for i := range p.Lines {
		if p.Lines[i].Name == name {
			p.Lines[i].Y = append(p.Lines[i].Y, y)
			return
		}
	}
	p.Lines = append(p.Lines, Series{name, []float64{y}})
}

// WriteText writes the values as a table.
func (p Plot) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\n\n", p.Title)
	fmt.Fprintf(t, "%s\t", p.XName)
	for _, l := range p.Lines {
		fmt.Fprintf(t, "%s, %s\t", l.Name, p.YName)
	}
	fmt.Fprintln(t)
	for i, x := range p.X {
		fmt.Fprintf(t, "%.0f\t", x)
		for _, l := range p.Lines {
			fmt.Fprintf(t, "%s\t", digits(l.Y[i]))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// digits prints what is small with two decimals.
func digits(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// Save writes table, figures and drawing: base.txt, base.json and base.svg.
func (p Plot) Save(base string) error {
	return save(base, file{".txt", p.WriteText}, file{".json", p.WriteJSON}, file{".svg", p.WriteSVG})
}

// WriteJSON writes the figures for machines.
func (p Plot) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

// ReadPlot reads what WriteJSON wrote. Each line has a value above 0 for each size.
func ReadPlot(r io.Reader) (p Plot, err error) {
	if err := json.NewDecoder(r).Decode(&p); err != nil {
		return p, fmt.Errorf("bench: not a plot: %w", err)
	}
	whole := len(p.X) > 0 && len(p.Lines) > 0 && positive(p.X)
	for _, l := range p.Lines {
		whole = whole && len(l.Y) == len(p.X) && positive(l.Y)
	}
	if !whole {
		return p, errors.New("bench: not a plot: sizes or values are missing")
	}
	return p, nil
}

// positive reports whether all values have a place on a logarithmic axis.
func positive(all []float64) bool {
	return !slices.ContainsFunc(all, func(v float64) bool { return v <= 0 })
}

// Measures of the drawing, in the units of SVG.
const (
	plotWidth, plotHeight = 720.0, 440.0
	plotLeft, plotRight   = 80.0, 190.0
	plotTop, plotBottom   = 50.0, 50.0
	lineHeight            = 14.0
)

// WriteSVG draws the plot. Every value must be above 0.
func (p Plot) WriteSVG(w io.Writer) error {
	var all []float64
	for _, l := range p.Lines {
		all = append(all, l.Y...)
	}
	x := powers(10, p.X, plotLeft, plotWidth-plotRight)
	y := powers(10, all, plotHeight-plotBottom, plotTop)
	d := drawing{w: w}
	d.begin(plotWidth, plotHeight, p.Title)
	d.text(plotLeft, 22, "start", p.Title, `font-weight="bold"`)
	d.text((x.from+x.to)/2, plotHeight-10, "middle", p.XName)
	d.text(plotLeft, plotTop-8, "end", p.YName)
	d.axes(x, y)
	if p.Slope {
		n := min(x.high-x.low, y.high-y.low)
		d.line(x.from, y.from, x.at(math.Pow(10, x.low+n)), y.at(math.Pow(10, y.low+n)), `class="mark"`, `stroke-dasharray="4 4"`)
	}
	labels := p.labels(y)
	at := make([]float64, len(p.X))
	for i, v := range p.X {
		at[i] = x.at(v)
	}
	for i, l := range p.Lines {
		colour, heights := colours[i%len(colours)], make([]float64, len(l.Y))
		for j, v := range l.Y {
			heights[j] = y.at(v)
		}
		d.curve(at, heights, colour)
		d.text(x.to+8, labels[i]+4, "start", l.Name, fill(colour))
	}
	return d.end()
}

// axes draws a grid with a number at each decade.
func (d *drawing) axes(x, y scale) {
	for _, v := range x.ticks() {
		d.line(x.at(v), y.from, x.at(v), y.to, `class="grid"`)
		d.text(x.at(v), y.from+16, "middle", decade(v))
	}
	for _, v := range y.ticks() {
		d.line(x.from, y.at(v), x.to, y.at(v), `class="grid"`)
		d.text(x.from-6, y.at(v)+4, "end", decade(v))
	}
}

// decade prints a power of ten.
func decade(v float64) string {
	if v < 1000 {
		return fmt.Sprintf("%g", v)
	}
	for _, unit := range []string{"k", "M", "G"} {
		if v /= 1000; v < 1000 {
			return fmt.Sprintf("%g %s", v, unit)
		}
	}
	return fmt.Sprintf("%g T", v/1000)
}

// labels are the heights of the lines' names: those of their ends, moved apart
// where they would lie on each other.
func (p Plot) labels(y scale) []float64 {
	heights, order := make([]float64, len(p.Lines)), make([]int, len(p.Lines))
	for i, l := range p.Lines {
		heights[i], order[i] = y.at(l.Y[len(l.Y)-1]), i
	}
	slices.SortFunc(order, func(a, b int) int { return int(math.Copysign(1, heights[a]-heights[b])) })
	for i := 1; i < len(order); i++ {
		heights[order[i]] = max(heights[order[i]], heights[order[i-1]]+lineHeight)
	}
	return heights
}
