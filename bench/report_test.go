package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// elements counts the elements of an SVG, which must be well formed, and gathers what
// is written in it.
func elements(t *testing.T, write func(io.Writer) error) (counts map[string]int, text string) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	counts = map[string]int{}
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return counts, text
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			counts[e.Name.Local]++
		case xml.CharData:
			text += string(e) + "\n"
		}
	}
}

// sample is a report with a row that a module lacks, and one without a ratio.
func sample() Report {
	row := func(name string, threads int, modules map[string]Figure) Result {
		r := Result{Row: name, Threads: threads, Modules: modules}
		r.judge(drivers("coffer", "softhsm2", "nss", "libcrypto"))
		return r
	}
	full := map[string]Figure{"coffer": figure(20), "softhsm2": figure(10), "nss": figure(0.1), "libcrypto": figure(40)}
	behind := map[string]Figure{"coffer": figure(5), "softhsm2": figure(10)}
	alone := map[string]Figure{"coffer": figure(7)}
	return Report{Machine: Machine{CPU: "A <b> processor", Flags: []string{"aes"}}, Clock: "wall", Rounds: 1, Results: []Result{
		row("rsa-2048-sign", 1, full), row("p256-sign", 1, behind), row("ed25519-sign", 1, alone),
		row("rsa-2048-sign", 8, full), row("p256-sign", 8, behind), row("ed25519-sign", 8, alone),
	}}
}

func TestBars(t *testing.T) {
	counts, text := elements(t, sample().Bars().WriteSVG)
	// The paper, two in the legend, two rows with a ratio, the mean.
	if counts["rect"] != 6 {
		t.Errorf("%d rectangles", counts["rect"])
	}
	// Three in the legend, three and one in the rows.
	if counts["path"] != 7 {
		t.Errorf("%d marks", counts["path"])
	}
	for _, want := range []string{"threads: 1", "rsa-2048-sign", "2.00×", "0.50×", "geometric mean", "1.00×", "A <b> processor"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(text, "ed25519") {
		t.Error("a row without a ratio is drawn")
	}
}

// A mark far off the scale is at its edge, and nothing is outside.
func TestBarsClamp(t *testing.T) {
	var b strings.Builder
	r := Report{Results: []Result{{Row: "x", Threads: 1, BestPeer: "nss", Ratio: 1e-6, Modules: map[string]Figure{
		"coffer": figure(1), "nss": figure(1e6), "softhsm2": figure(1), "libcrypto": figure(1e9)}}}}
	if err := r.Bars().WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"-Inf", "NaN", "=\"-", "translate(-"} {
		if strings.Contains(b.String(), wrong) {
			t.Errorf("%q in\n%s", wrong, b.String())
		}
	}
}

func TestPanels(t *testing.T) {
	p, ok := sample().Panels()
	if !ok || len(p.Rows) != 2 {
		t.Fatalf("%v, %d panels", ok, len(p.Rows))
	}
	counts, _ := elements(t, p.WriteSVG)
	if counts["polyline"] != 6 || counts["circle"] != 12 {
		t.Errorf("%v", counts)
	}
	one := sample()
	one.Results = one.Results[:3]
	if _, ok := one.Panels(); ok {
		t.Error("one number of threads makes no lines")
	}
}

// What was saved gives the same report, table and charts again.
func TestSaveAgain(t *testing.T) {
	base := filepath.Join(t.TempDir(), "first")
	again := base + "-again"
	if err := sample().Save(base); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(base + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ReadReport(f)
	if err != nil || !reflect.DeepEqual(r, sample()) {
		t.Fatalf("%v\n%+v", err, r)
	}
	if err := r.Save(again); err != nil {
		t.Fatal(err)
	}
	for _, ending := range []string{".txt", ".json", ".svg", "-threads.svg"} {
		one, err1 := os.ReadFile(base + ending)
		two, err2 := os.ReadFile(again + ending)
		if err1 != nil || err2 != nil || len(one) == 0 || !bytes.Equal(one, two) {
			t.Errorf("%s: %v, %v", ending, err1, err2)
		}
	}
}

func TestReadReportRefuses(t *testing.T) {
	for _, text := range []string{"", "{}", "no JSON", `{"results":[]}`} {
		if _, err := ReadReport(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// What is committed can be drawn: reports and plots of earlier versions open for ever.
func TestOldReports(t *testing.T) {
	files, err := filepath.Glob("results/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	plots := 0
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		var draw func(io.Writer) error
		if strings.HasPrefix(filepath.Base(name), "scale-") {
			var p Plot
			p, err = ReadPlot(f)
			draw = p.WriteSVG
			plots++
		} else {
			var r Report
			r, err = ReadReport(f)
			draw = r.Bars().WriteSVG
		}
		f.Close()
		if err != nil {
			t.Fatal(name, err)
		}
		elements(t, draw)
	}
	if plots == 0 {
		t.Error("no plots")
	}
}
