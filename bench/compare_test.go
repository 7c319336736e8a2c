package bench

import (
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/bench/drive"
)

// tableOf reads the names of a backend's rows.
func tableOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile("driver/" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "struct row rows[] = {")
	table, _, _ = strings.Cut(table, "\n};")
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^\s[A-Z]*[({]"([^"]+)"`).FindAllStringSubmatch(table, -1) {
		names = append(names, m[1])
	}
	return names
}

// The tables of the driver and of the program name the same rows.
func TestRowsAgree(t *testing.T) {
	if names := tableOf(t, "token_rows.c"); !slices.Equal(names, Rows) {
		t.Errorf("the driver's table has %q", names)
	}
	names := tableOf(t, "libcrypto.c")
	if len(names) == 0 {
		t.Error("libcrypto has no rows")
	}
	for _, name := range names {
		if !slices.Contains(Rows, name) {
			t.Errorf("libcrypto has a row %q that the others have not", name)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		numbers []float64
		want    float64
	}{
		{[]float64{3}, 3},
		{[]float64{1, 4}, 2.5},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 100, 2}, 3},
	} {
		given := slices.Clone(c.numbers)
		if got := median(c.numbers); got != c.want || !slices.Equal(given, c.numbers) {
			t.Errorf("median of %v: %v, left %v", given, got, c.numbers)
		}
	}
}

func figure(rates ...float64) Figure { return Figure{Median: median(rates), Rates: rates} }

func drivers(names ...string) (list []*Driver) {
	for _, name := range names {
		list = append(list, &Driver{Module: Module{Name: name, Peer: name != "coffer" && name != "libcrypto"}})
	}
	return list
}

func TestJudge(t *testing.T) {
	all := drivers("coffer", "softhsm2", "nss", "libcrypto")
	for _, c := range []struct {
		name    string
		modules map[string]Figure
		peer    string
		ratio   float64
	}{
		{"round by round", map[string]Figure{"coffer": figure(10, 40, 90), "nss": figure(10, 20, 30)}, "nss", 2},
		{"the best peer", map[string]Figure{"coffer": figure(6), "softhsm2": figure(3), "nss": figure(2)}, "softhsm2", 2},
		{"libcrypto is none", map[string]Figure{"coffer": figure(6), "libcrypto": figure(30)}, "", 0},
		{"without us", map[string]Figure{"nss": figure(6)}, "nss", 0},
	} {
		r := Result{Modules: c.modules}
		r.judge(all)
		if r.BestPeer != c.peer || r.Ratio != c.ratio {
			t.Errorf("%s: %q, %v", c.name, r.BestPeer, r.Ratio)
		}
	}
}

func TestGeometricMean(t *testing.T) {
	if got := GeometricMean([]Result{{Ratio: 2}, {}, {Ratio: 8}}); math.Abs(got-4) > 1e-9 {
		t.Errorf("of 2 and 8: %v", got)
	}
	if got := GeometricMean([]Result{{}}); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestWriteTable(t *testing.T) {
	results := []Result{
		{Row: "a", Threads: 1, Modules: map[string]Figure{"coffer": figure(1234), "nss": figure(617)}, BestPeer: "nss", Ratio: 2, Low: 1.5, High: 2.5},
		{Row: "b", Threads: 2, Bytes: 16384, Modules: map[string]Figure{"coffer": figure(1e6)}},
	}
	var b strings.Builder
	if err := WriteTable(&b, results, []string{"coffer", "nss"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"threads: 1", "threads: 2", "1.23 k/s", "617 /s", "2.00", "(1.50", "2.50)", "16.4 GB/s", "ratios: 2.00", "ratios: 0.00"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestChoose(t *testing.T) {
	all := []Module{{Name: "a"}, {Name: "b"}}
	got, err := Choose(all, []string{"b", "a"})
	if err != nil || len(got) != 2 || got[0].Name != "b" {
		t.Error(got, err)
	}
	if _, err := Choose(all, []string{"c"}); err == nil {
		t.Error("a module that is not there was chosen")
	}
}

// A module that cannot be loaded is an error that names it, not a row of dashes.
func TestNoModule(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	m := Module{Name: "missing", library: "/nowhere.so", backend: token, prepare: prepareNothing}
	_, err = m.Start(root, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "missing") {
		t.Error(err)
	}
}

func TestCPUFields(t *testing.T) {
	fields := cpuFields("processor\t: 0\nmodel name\t: A\nflags\t\t: aes vaes\n\nprocessor\t: 1\nmodel name\t: B\n")
	if fields["model name"] != "A" || fields["flags"] != "aes vaes" {
		t.Errorf("%q", fields)
	}
}

func TestPerCPUSecond(t *testing.T) {
	m := drive.Measurement{Operations: 10, Seconds: 1, CPUSeconds: 0.5, Rate: 10}
	if got := (Plan{CPU: true}).rate(m); got != 20 {
		t.Error(got)
	}
	if got := (Plan{Time: time.Second}).rate(m); got != 10 {
		t.Error(got)
	}
}
