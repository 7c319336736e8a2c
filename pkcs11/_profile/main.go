// Command _profile turns what perf has sampled of the core into the profile that guides
// the compiler when it builds the core (go.dev/doc/pgo):
//
//	perf script -F ip,sym,symoff,dso | go run . -without REGEXP CORE >core.pgo
//
// CORE is the library that ran, with its symbols. Stacks through a function that
// matches REGEXP are left out. Go's own profiler cannot do it: its signals are the
// host's.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	without := flag.String("without", "^$", "leave out stacks through functions that match `REGEXP`")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: perf script -F ip,sym,symoff,dso | go run . [-without REGEXP] CORE >core.pgo")
		os.Exit(2)
	}
	if err := convert(flag.Arg(0), *without, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func convert(core, without string, samples io.Reader, out io.Writer) error {
	c, err := readCode(core)
	if err != nil {
		return err
	}
	p, err := newBuilder(c, without)
	if err != nil {
		return err
	}
	if err := p.read(samples); err != nil {
		return err
	}
	if len(p.profile.Sample) == 0 {
		return fmt.Errorf("no sample is of %s", core)
	}
	return p.profile.Compact().Write(out)
}
