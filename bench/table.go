package bench

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/coffer-hsm/coffer/bench/drive"
)

// WriteTable prints results for people: a table for each number of threads, in
// the order of the results, with the modules as columns.
func WriteTable(w io.Writer, results []Result, modules []string) error {
	for len(results) > 0 {
		n := 1
		for n < len(results) && results[n].Threads == results[0].Threads {
			n++
		}
		if err := writeThreads(w, results[:n], modules); err != nil {
			return err
		}
		results = results[n:]
	}
	return nil
}

func writeThreads(w io.Writer, results []Result, modules []string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "threads: %d\t", results[0].Threads)
	for _, name := range modules {
		fmt.Fprintf(t, "%s\t", name)
	}
	fmt.Fprint(t, "coffer/best peer\t(lowest\thighest)\t\n")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t", r.Row)
		for _, name := range modules {
			fmt.Fprintf(t, "%s\t", r.rate(name))
		}
		if r.Ratio > 0 {
			fmt.Fprintf(t, "%.2f\t(%.2f\t%.2f)\t\n", r.Ratio, r.Low, r.High)
		} else {
			fmt.Fprint(t, "-\t\t\t\n")
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "geometric mean of the ratios: %.2f\n\n", GeometricMean(results))
	return err
}

// rate prints a module's median with its unit.
func (r Result) rate(module string) string {
	f, ok := r.Modules[module]
	if !ok {
		return "-"
	}
	return drive.Rate(f.Median, r.Bytes)
}
