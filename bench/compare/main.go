// Command compare runs the same operations through Coffer, SoftHSM2, NSS softoken
// and OpenSSL's libcrypto, in turns, and prints medians and ratios.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/bench"
)

const usage = `usage: go run ./bench/compare [options]

Runs the rows of a table through several PKCS #11 modules and prints a table of
medians, with the ratio of Coffer to the best of the other tokens. The library
must be there: make build. A second of every row on one thread, and the figures
for machines beside it:

  go run ./bench/compare -threads 1 -rounds 10 -time 100ms -json result.json

All of it, in bench/results/NAME.txt, .json, .svg and -threads.svg; and the same
again from the figures, without measuring:

  go run ./bench/compare -out bench/results/NAME
  go run ./bench/compare -from bench/results/NAME.json -out bench/results/NAME

options:
`

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var (
		modules = flag.String("modules", "coffer,softhsm2,nss,libcrypto", "which modules, separated by commas; coffer-audit is Coffer with audit-use")
		rows    = flag.String("rows", "", "a regular expression of the rows' names; all if empty")
		threads = flag.String("threads", "1,2,8,32", "numbers of threads, separated by commas")
		rounds  = flag.Int("rounds", 5, "how often each module has its turn")
		turn    = flag.Duration("time", 100*time.Millisecond, "how long a turn is")
		cpu     = flag.Bool("cpu", false, "count operations for each second of processor time, not of the clock: for one thread on a busy machine")
		file    = flag.String("json", "", "also write the figures to this file, or to standard output instead of the table if it is -")
		out     = flag.String("out", "", "also write table, figures and charts to files whose names begin like this")
		from    = flag.String("from", "", "measure nothing, take the figures from this file that -json or -out wrote")
	)
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	if *from != "" {
		report, err := read(*from)
		if err != nil {
			return err
		}
		return write(report, *file, *out)
	}
	plan := bench.Plan{Rounds: max(*rounds, 1), Time: *turn, CPU: *cpu}
	if err := choose(&plan, *modules, *rows, *threads); err != nil {
		return err
	}
	report, err := measure(plan)
	if err != nil {
		return err
	}
	return write(report, *file, *out)
}

func measure(plan bench.Plan) (bench.Report, error) {
	if terminal(os.Stderr) {
		plan.Progress = progress
		defer fmt.Fprint(os.Stderr, clearLine)
	}
	results, err := plan.Run()
	return bench.NewReport(plan, results), err
}

func read(name string) (bench.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return bench.Report{}, err
	}
	defer f.Close()
	return bench.ReadReport(f)
}

func choose(plan *bench.Plan, modules, rows, threads string) (err error) {
	if plan.Root, err = bench.Root(); err != nil {
		return err
	}
	if plan.Modules, err = bench.Choose(bench.Modules(plan.Root), strings.Split(modules, ",")); err != nil {
		return err
	}
	pattern, err := regexp.Compile(rows)
	if err != nil {
		return err
	}
	for _, row := range bench.Rows {
		if pattern.MatchString(row) {
			plan.Rows = append(plan.Rows, row)
		}
	}
	if len(plan.Rows) == 0 {
		return fmt.Errorf("compare: no row matches %q; there are %s", rows, strings.Join(bench.Rows, ", "))
	}
	for word := range strings.SplitSeq(threads, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("compare: %q is not a number of threads", word)
		}
		plan.Threads = append(plan.Threads, n)
	}
	return nil
}

// clearLine is for terminals.
const clearLine = "\r\033[K"

func progress(row string, threads int) {
	fmt.Fprintf(os.Stderr, clearLine+"%s, threads: %d", row, threads)
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// write prints the report and puts it into files, where they are named.
func write(r bench.Report, file, out string) error {
	if out != "" {
		if err := r.Save(out); err != nil {
			return err
		}
	}
	if file == "-" {
		return r.WriteJSON(os.Stdout)
	}
	if err := r.WriteText(os.Stdout); err != nil || file == "" {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(r.WriteJSON(f), f.Close())
}
