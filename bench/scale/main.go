// Command scale measures what things cost at growing numbers of records, keys,
// sessions, threads or bytes, and writes tables and plots:
//
//	go run ./bench/scale -of partition,payload -out bench/results/scale
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/bench"
)

// sizes are numbers of records and of keys.
var sizes = []int{1000, 3000, 10_000, 30_000, 100_000}

// context is what a subject is given to work with.
type context struct {
	root   string        // the project's folder
	folder string        // of its own, that is thrown away
	turn   time.Duration // how long to measure a rate
}

// plot is a drawing and what its files are called.
type plot struct {
	name string
	bench.Plot
}

// subjects are what can be measured.
var subjects = map[string]func(context) ([]plot, error){
	"store": storePlot, "partition": partitionPlots, "threads": threadsPlot,
	"sessions": sessionsPlot, "objects": objectsPlot, "payload": payloadPlot,
}

func main() {
	names := slices.Sorted(maps.Keys(subjects))
	of := flag.String("of", "all", "what to measure, separated by commas: all, "+strings.Join(names, ", "))
	out := flag.String("out", "", "write BASE-NAME.txt, BASE-NAME.json and BASE-NAME.svg; standard output gets the tables if empty")
	from := flag.String("from", "", "measure nothing, take the figures from this file that -out wrote, and write -out.txt and -out.svg anew")
	turn := flag.Duration("time", 100*time.Millisecond, "how long to measure a rate, five times over")
	flag.Parse()
	if *from != "" {
		if err := redraw(*from, *out); err != nil {
			fail(*from, err)
		}
		return
	}
	if *of != "all" {
		names = strings.Split(*of, ",")
	}
	for _, name := range names {
		if err := run(name, *out, *turn); err != nil {
			fail(name, err)
		}
	}
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "scale: %s: %v\n", what, err)
	os.Exit(1)
}

// redraw writes the table of a plot that was measured before, and with out all its files
// under that name.
func redraw(from, out string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := bench.ReadPlot(f)
	if err != nil {
		return err
	}
	if err := p.WriteText(os.Stdout); err != nil || out == "" {
		return err
	}
	return p.Save(filepath.Clean(out))
}

// run measures one subject and writes its plots.
func run(name, out string, turn time.Duration) error {
	subject, ok := subjects[name]
	if !ok {
		return fmt.Errorf("there is no such subject")
	}
	root, err := bench.Root()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "coffer-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	plots, err := subject(context{root, folder, turn})
	if err != nil {
		return err
	}
	for _, p := range plots {
		if err := write(p, out); err != nil {
			return err
		}
	}
	return nil
}

func write(p plot, out string) error {
	if err := p.WriteText(os.Stdout); err != nil {
		return err
	}
	fmt.Println()
	if out == "" {
		return nil
	}
	return p.Save(filepath.Clean(out + "-" + p.name))
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// median is the median time of n calls.
func median(n int, f func() error) (time.Duration, error) {
	var all []time.Duration
	for range n {
		start := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	return all[n/2], nil
}
