package bench

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
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

func TestPlotText(t *testing.T) {
	p := Plot{Title: "Times", XName: "keys", YName: "µs", X: []float64{10, 100}}
	for _, y := range []float64{1, 2} {
		p.Add("one", y)
		p.Add("two", 10*y)
	}
	var b strings.Builder
	if err := p.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Times\n", "keys  one, µs  two, µs", " 100     2.00       20"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// TestPlotAgain: what was saved draws the same once more, and nothing else is taken.
func TestPlotAgain(t *testing.T) {
	p := Plot{Title: "Times", XName: "keys", YName: "µs", X: []float64{10, 100}, Slope: true}
	p.Add("one", 1.23456)
	p.Add("one", 2)
	base := filepath.Join(t.TempDir(), "plot")
	if err := p.Save(base); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(base + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	again, err := ReadPlot(f)
	if err != nil || !reflect.DeepEqual(again, p) {
		t.Errorf("%+v, %v; want %+v", again, err, p)
	}
	for _, text := range []string{"", "{}", `{"X":[1]}`, `{"X":[1,2],"Lines":[{"Name":"a","Y":[1]}]}`, `{"X":[1],"Lines":[{"Name":"a","Y":[0]}]}`} {
		if _, err := ReadPlot(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken for a plot", text)
		}
	}
}

// Names of lines that end in one place do not lie on each other.
func TestPlotLabels(t *testing.T) {
	p := Plot{X: []float64{1}, Lines: []Series{{"a", []float64{5}}, {"b", []float64{5}}, {"c", []float64{50}}}}
	y := powers(10, []float64{1, 100}, 400, 0)
	heights := p.labels(y)
	if math.Abs(heights[0]-heights[1]) < lineHeight || heights[2] != y.at(50) {
		t.Errorf("%v", heights)
	}
}

func TestDecade(t *testing.T) {
	for v, want := range map[float64]string{0.1: "0.1", 1: "1", 100: "100", 1e4: "10 k", 1e6: "1 M", 1e11: "100 G", 1e13: "10 T"} {
		if got := decade(v); got != want {
			t.Errorf("%g: %q", v, got)
		}
	}
}
