package bench

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestWriteSVG(t *testing.T) {
	p := Plot{Title: "a < b", XName: "records", YName: "µs", X: []float64{1000, 10000, 100000},
		Lines: []Series{{"flat", []float64{50, 50, 50}}, {"rising", []float64{10, 100, 1000}}}}
	var b bytes.Buffer
	if err := p.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	counts, _ := elements(t, p.WriteSVG)
	if counts["polyline"] != 2 || counts["circle"] != 6 {
		t.Errorf("%v", counts)
	}
	lines := strings.Split(b.String(), "\n")
	var flat string
	for _, l := range lines {
		if strings.HasPrefix(l, "<polyline") {
			flat = l
			break
		}
	}
	heights := map[string]bool{}
	for _, point := range strings.Fields(strings.Split(flat, `"`)[1]) {
		_, y, _ := strings.Cut(point, ",")
		heights[y] = true
	}
	if len(heights) != 1 {
		t.Errorf("what is flat is not drawn flat: %s", flat)
	}
}

func TestWriteSVGFails(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	if err := (Plot{X: []float64{1}, Lines: []Series{{"", []float64{1}}}}).WriteSVG(w); err == nil {
		t.Error("no error from a writer that has one")
	}
}
