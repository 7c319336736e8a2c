package bench

import (
	"fmt"
	"html"
	"io"
	"math"
)

// drawing writes SVG and keeps the first error.
type drawing struct {
	w   io.Writer
	err error
}

// style is that of every drawing. What is read and what it is read on follow the
// reader's choice of light or dark; the colours of lines and bars stand out on both.
const style = `<style>
.paper{fill:#ffffff} text{fill:#1f2328} .faint{fill:#59636e} .grid{stroke:#d1d9e0} .mark{stroke:#59636e}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117} text{fill:#f0f6fc} .faint{fill:#9198a1} .grid{stroke:#3d444d} .mark{stroke:#9198a1}
}
</style>`

// colours tell lines apart; all have a contrast of 3 to 1 at least with both papers.
var colours = []string{"#2f81f7", "#cf5b16", "#2a9a4b", "#8957e5", "#b08800", "#768390"}

// colourOf gives each module one colour in all drawings.
var colourOf = map[string]string{"coffer": colours[0], "softhsm2": colours[1], "nss": colours[3], "libcrypto": colours[5]}

// behind is the colour of a bar of what is slower.
const behind = "#d1242f"

func (d *drawing) printf(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format+"\n", args...)
	}
}

// begin opens a drawing of a width and a height under a title.
func (d *drawing) begin(width, height float64, title string) {
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="system-ui, sans-serif" font-size="12" role="img">`, width, height)
	d.printf(`<title>%s</title>`, html.EscapeString(title))
	d.printf("%s", style)
	d.printf(`<rect class="paper" width="100%%" height="100%%"/>`)
}

func (d *drawing) end() error {
	d.printf(`</svg>`)
	return d.err
}

// text writes s with its base line at y; more is further attributes.
func (d *drawing) text(x, y float64, anchor, s string, more ...string) {
	d.printf(`<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`, x, y, anchor, attributes(more), html.EscapeString(s))
}

func (d *drawing) line(x1, y1, x2, y2 float64, more ...string) {
	d.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"%s/>`, x1, y1, x2, y2, attributes(more))
}

// curve draws points and the line through them.
func (d *drawing) curve(x, y []float64, colour string) {
	points := ""
	for i := range x {
		points += fmt.Sprintf("%.1f,%.1f ", x[i], y[i])
		d.printf(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x[i], y[i], colour)
	}
	d.printf(`<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, points, colour)
}

func attributes(all []string) (joined string) {
	for _, a := range all {
		joined += " " + a
	}
	return joined
}

// fill is the attribute for a colour of text or of a shape. It is a style because a
// rule for all text would win against a plain attribute.
func fill(colour string) string { return fmt.Sprintf(`style="fill:%s"`, colour) }

// scale maps the powers of base from low to high to a stretch of the drawing.
type scale struct{ base, low, high, from, to float64 }

func (s scale) at(v float64) float64 {
	return s.from + (math.Log(v)/math.Log(s.base)-s.low)/(s.high-s.low)*(s.to-s.from)
}

// ticks are the powers on the scale.
func (s scale) ticks() (all []float64) {
	for e := s.low; e <= s.high; e++ {
		all = append(all, math.Pow(s.base, e))
	}
	return all
}

// powers is a scale of whole powers of base around values.
func powers(base float64, values []float64, from, to float64) scale {
	s := scale{base, math.Inf(1), math.Inf(-1), from, to}
	for _, v := range values {
		e := math.Log(v) / math.Log(base)
		s.low, s.high = min(s.low, math.Floor(e+1e-9)), max(s.high, math.Ceil(e-1e-9))
	}
	if s.high == s.low {
		s.high++
	}
	return s
}
