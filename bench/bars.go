package bench

import (
	"fmt"
	"io"
	"math"
)

// Bars is a drawing of results in one number of threads: for each row a bar from
// the best of the other tokens, which is 1, to Coffer, to the right where Coffer is
// ahead. The other modules are marks on the same scale.
type Bars struct {
	Title, Note string
	Results     []Result
}

// Measures of the drawing, in the units of SVG.
const (
	barsWidth, barsTop    = 860.0, 84.0
	barsLeft, barsRight   = 190.0, 150.0
	barsStep, barsHeight  = 22.0, 13.0
	barsBottom            = 44.0
	barsLowest, barsLeast = 1.0 / 16, 4.0 // what is further left is drawn at the edge; the scale goes up to this at least
)

// markOf is how the modules besides Coffer are drawn, by name, around 0, 0.
var markOf = []struct{ name, path string }{
	{"softhsm2", "M-5,-5H5V5H-5Z"},
	{"nss", "M0,-6L6,0L0,6L-6,0Z"},
	{"libcrypto", "M-6,5L0,-6L6,5Z"},
}

// WriteSVG draws the bars of the results that have a ratio.
func (b Bars) WriteSVG(w io.Writer) error {
	var rows []Result
	reach := []float64{barsLowest, barsLeast}
	for _, r := range b.Results {
		if r.Ratio > 0 {
			rows = append(rows, r)
			reach = append(reach, max(r.Ratio, barsLowest))
		}
	}
	x := powers(2, reach, barsLeft, barsWidth-barsRight)
	bottom := barsTop + barsStep*float64(len(rows)+1)
	d := drawing{w: w}
	d.begin(barsWidth, bottom+barsBottom, b.Title)
	d.text(16, 24, "start", b.Title, `font-weight="bold"`, `font-size="15"`)
	d.legend(16, 46)
	d.ratioAxis(x, bottom)
	for i, r := range rows {
		d.bar(x, barsTop+barsStep*(float64(i)+0.5), r)
	}
	d.mean(x, bottom-barsStep/2, rows)
	d.text(16, bottom+barsBottom-10, "start", b.Note, `class="faint"`, `font-size="10"`)
	return d.end()
}

// legend explains bars and marks, from left to right.
func (d *drawing) legend(x, y float64) {
	d.printf(`<rect x="%.1f" y="%.1f" width="22" height="%g" fill="%s"/>`, x, y-10, barsHeight, colourOf["coffer"])
	d.text(x+28, y, "start", "Coffer ahead of the best other token")
	d.printf(`<rect x="%.1f" y="%.1f" width="22" height="%g" fill="%s"/>`, x+270, y-10, barsHeight, behind)
	d.text(x+298, y, "start", "behind it")
	x += 390
	for _, m := range markOf {
		d.mark(x, y-4, m.name, m.path)
		d.text(x+10, y, "start", m.name)
		x += 90
	}
}

// mark draws a module's mark, which stands out on a bar too.
func (d *drawing) mark(x, y float64, name, path string) {
	d.printf(`<path transform="translate(%.1f,%.1f)" d="%s" class="paper" stroke="%s" stroke-width="2"/>`, x, y, path, colourOf[name])
}

func (d *drawing) ratioAxis(x scale, bottom float64) {
	for _, v := range x.ticks() {
		more := []string{`class="grid"`}
		if v == 1 {
			more = []string{`class="mark"`, `stroke-width="1.5"`}
		}
		d.line(x.at(v), barsTop-6, x.at(v), bottom, more...)
		d.text(x.at(v), barsTop-12, "middle", ratioTick(v), `class="faint"`)
	}
}

func ratioTick(v float64) string {
	if v < 1 {
		return fmt.Sprintf("1/%g", 1/v)
	}
	return fmt.Sprintf("%g×", v)
}

// bar draws one row around y.
func (d *drawing) bar(x scale, y float64, r Result) {
	d.text(barsLeft-10, y+4, "end", r.Row)
	d.ratio(x, y, r.Ratio)
	best := r.Modules[r.BestPeer].Median
	for _, m := range markOf {
		if f, ok := r.Modules[m.name]; ok {
			v := min(max(f.Median/best, barsLowest), math.Pow(2, x.high))
			d.mark(x.at(v), y, m.name, m.path)
		}
	}
	d.text(barsWidth-barsRight+14, y+4, "start", fmt.Sprintf("%.2f×", r.Ratio), `font-weight="bold"`)
	d.text(barsWidth-16, y+4, "end", r.rate("coffer"), `class="faint"`)
}

// ratio draws the bar from 1 to a ratio.
func (d *drawing) ratio(x scale, y, ratio float64) {
	from, to, colour := x.at(1), x.at(max(ratio, barsLowest)), colourOf["coffer"]
	if ratio < 1 {
		from, to, colour = to, from, behind
	}
	d.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%g" fill="%s"/>`, from, y-barsHeight/2, to-from, barsHeight, colour)
}

// mean is the last row.
func (d *drawing) mean(x scale, y float64, rows []Result) {
	mean := GeometricMean(rows)
	if mean == 0 {
		return
	}
	d.text(barsLeft-10, y+4, "end", "geometric mean", `font-weight="bold"`)
	d.ratio(x, y, mean)
	d.text(barsWidth-barsRight+14, y+4, "start", fmt.Sprintf("%.2f×", mean), `font-weight="bold"`)
}
