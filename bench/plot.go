package bench

import (
	"fmt"
	"html"
	"io"
	"math"
)

// Series is one line of a Plot: a value for each X.
type Series struct {
	Name string
	Y    []float64
}

// Plot is a drawing of values by size, both axes logarithmic: what is flat costs
// the same at every size, what rises like the dashed line grows with it.
type Plot struct {
	Title, XName, YName string
	X                   []float64 // rising, above 0
	Lines               []Series
}

// Measures of the drawing, in the units of SVG.
const (
	plotWidth, plotHeight = 720.0, 440.0
	plotLeft, plotRight   = 80.0, 190.0
	plotTop, plotBottom   = 40.0, 50.0
)

var plotColours = []string{"#1b6ca8", "#c0392b", "#2e7d32", "#8e44ad", "#b9770e", "#444444"}

// scale maps the decades from low to high to a stretch of the drawing.
type scale struct{ low, high, from, to float64 }

func (s scale) at(v float64) float64 {
	return s.from + (math.Log10(v)-s.low)/(s.high-s.low)*(s.to-s.from)
}

// decades is a scale of whole decades around values.
func decades(values []float64, from, to float64) scale {
	s := scale{math.Inf(1), math.Inf(-1), from, to}
	for _, v := range values {
		s.low, s.high = min(s.low, math.Floor(math.Log10(v))), max(s.high, math.Ceil(math.Log10(v)))
	}
	if s.high == s.low {
		s.high++
	}
	return s
}

// WriteSVG draws the plot. Every value must be above 0.
func (p Plot) WriteSVG(w io.Writer) error {
	var all []float64
	for _, l := range p.Lines {
		all = append(all, l.Y...)
	}
	x := decades(p.X, plotLeft, plotWidth-plotRight)
	y := decades(all, plotHeight-plotBottom, plotTop)
	d := drawing{w: w}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`, plotWidth, plotHeight)
	d.printf(`<rect width="100%%" height="100%%" fill="white"/>`)
	d.text(plotLeft, 22, "start", p.Title)
	d.text((x.from+x.to)/2, plotHeight-10, "middle", p.XName)
	d.text(plotLeft, plotTop-4, "end", p.YName)
	d.axes(x, y)
	for i, l := range p.Lines {
		d.series(x, y, p.X, l, plotColours[i%len(plotColours)])
	}
	d.printf(`</svg>`)
	return d.err
}

// drawing writes SVG and keeps the first error.
type drawing struct {
	w   io.Writer
	err error
}

func (d *drawing) printf(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format+"\n", args...)
	}
}

func (d *drawing) text(x, y float64, anchor, s string) {
	d.printf(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, html.EscapeString(s))
}

func (d *drawing) line(x1, y1, x2, y2 float64, style string) {
	d.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>`, x1, y1, x2, y2, style)
}

// axes draws a grid with a number at each decade, and the slope of what grows with
// the size.
func (d *drawing) axes(x, y scale) {
	const grid = `stroke="#dddddd"`
	for e := x.low; e <= x.high; e++ {
		at := x.at(math.Pow(10, e))
		d.line(at, y.from, at, y.to, grid)
		d.text(at, y.from+16, "middle", fmt.Sprintf("%g", math.Pow(10, e)))
	}
	for e := y.low; e <= y.high; e++ {
		at := y.at(math.Pow(10, e))
		d.line(x.from, at, x.to, at, grid)
		d.text(x.from-6, at+4, "end", fmt.Sprintf("%g", math.Pow(10, e)))
	}
	n := min(x.high-x.low, y.high-y.low)
	d.line(x.from, y.from, x.at(math.Pow(10, x.low+n)), y.at(math.Pow(10, y.low+n)), `stroke="#aaaaaa" stroke-dasharray="4 4"`)
}

func (d *drawing) series(x, y scale, at []float64, l Series, colour string) {
	points := ""
	for i, v := range l.Y {
		points += fmt.Sprintf("%.1f,%.1f ", x.at(at[i]), y.at(v))
		d.printf(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x.at(at[i]), y.at(v), colour)
	}
	d.printf(`<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, points, colour)
	d.printf(`<text x="%.1f" y="%.1f" fill="%s">%s</text>`, x.to+8, y.at(l.Y[len(l.Y)-1])+4, colour, html.EscapeString(l.Name))
}
