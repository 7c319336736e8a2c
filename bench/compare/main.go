// Command compare runs the same operations through Coffer, SoftHSM2, NSS softoken
// and OpenSSL's libcrypto, in turns, and prints medians and ratios.
package main

import (
	"encoding/json"
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

options:
`

// A report is what -json writes.
type report struct {
	Machine bench.Machine  `json:"machine"`
	Clock   string         `json:"clock"`
	Rounds  int            `json:"rounds"`
	Millis  int64          `json:"milliseconds"`
	Results []bench.Result `json:"results"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var (
		modules = flag.String("modules", "coffer,softhsm2,nss,libcrypto", "which modules, separated by commas")
		rows    = flag.String("rows", "", "a regular expression of the rows' names; all if empty")
		threads = flag.String("threads", "1,2,8,32", "numbers of threads, separated by commas")
		rounds  = flag.Int("rounds", 5, "how often each module has its turn")
		turn    = flag.Duration("time", 100*time.Millisecond, "how long a turn is")
		cpu     = flag.Bool("cpu", false, "count operations for each second of processor time, not of the clock: for one thread on a busy machine")
		file    = flag.String("json", "", "also write the figures to this file, or to standard output instead of the table if it is -")
	)
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	plan := bench.Plan{Rounds: max(*rounds, 1), Time: *turn, CPU: *cpu}
	if terminal(os.Stderr) {
		plan.Progress = progress
		defer fmt.Fprint(os.Stderr, clearLine)
	}
	if err := choose(&plan, *modules, *rows, *threads); err != nil {
		return err
	}
	results, err := plan.Run()
	if err != nil {
		return err
	}
	return write(plan, results, *file)
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

func write(plan bench.Plan, results []bench.Result, file string) error {
	r := report{Machine: bench.Describe(), Clock: "wall", Rounds: plan.Rounds, Millis: plan.Time.Milliseconds(), Results: results}
	if plan.CPU {
		r.Clock = "cpu"
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if file == "-" {
		_, err := os.Stdout.Write(text)
		return err
	}
	fmt.Printf("%s, %d cores (%s), %s; clock: %s, %d turns of %v\n\n", r.Machine.CPU, r.Machine.Cores,
		strings.Join(r.Machine.Flags, " "), r.Machine.Go, r.Clock, plan.Rounds, plan.Time)
	if err := bench.WriteTable(os.Stdout, results, plan.Modules); err != nil || file == "" {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
