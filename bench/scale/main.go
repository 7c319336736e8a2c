// Command scale measures what a store costs at growing numbers of records, and
// writes a table and a plot:
//
//	go run ./bench/scale -out bench/results/NAME
package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/coffer-hsm/coffer/bench"
	"github.com/coffer-hsm/coffer/hsm/store"
)

const (
	recordSize = 1500 // of a sealed RSA key, about
	batch      = 1000 // records put in one transaction, to get to a size
	rounds     = 200  // of what is measured singly; the median counts
)

var sizes = []int{1000, 3000, 10_000, 30_000, 100_000}

// row is something that is measured, in microseconds.
type row struct {
	name    string
	measure func(dir string, s store.Store) (time.Duration, error)
}

var rows = []row{
	{"insert", often(func(_ string, s store.Store) error { return s.Update(put(1)) })},
	{"change seen", often(func(_ string, s store.Store) error { return s.View(lastChange) })},
	{"get", often(func(_ string, s store.Store) error { return s.View(getOne) })},
	{"open", once(openAgain)},
	{"load all", once(func(_ string, s store.Store) error { return s.View(readAll) })},
	{"snapshot", once(func(_ string, s store.Store) error { return s.Snapshot(readAll) })},
}

func main() {
	out := flag.String("out", "", "where to write NAME.txt and NAME.svg; standard output gets the table if empty")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	dir, err := os.MkdirTemp("", "coffer-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	dir = filepath.Join(dir, "store")
	s, err := store.CreateFile(dir, store.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	p := bench.Plot{Title: "The store: µs by number of records of 1.5 kB", XName: "records", YName: "µs"}
	for _, r := range rows {
		p.Lines = append(p.Lines, bench.Series{Name: r.name})
	}
	for _, n := range sizes {
		if err := fill(s, n); err != nil {
			return err
		}
		p.X = append(p.X, float64(n))
		for i, r := range rows {
			took, err := r.measure(dir, s)
			if err != nil {
				return fmt.Errorf("%s at %d: %w", r.name, n, err)
			}
			p.Lines[i].Y = append(p.Lines[i].Y, float64(took.Nanoseconds())/1e3)
		}
	}
	return write(p, out)
}

// often is the median time of many calls.
func often(f func(string, store.Store) error) func(string, store.Store) (time.Duration, error) {
	return func(dir string, s store.Store) (time.Duration, error) { return median(rounds, dir, s, f) }
}

// once is that of a few, of what takes long.
func once(f func(string, store.Store) error) func(string, store.Store) (time.Duration, error) {
	return func(dir string, s store.Store) (time.Duration, error) { return median(3, dir, s, f) }
}

func median(n int, dir string, s store.Store, f func(string, store.Store) error) (time.Duration, error) {
	var all []time.Duration
	for range n {
		start := time.Now()
		if err := f(dir, s); err != nil {
			return 0, err
		}
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	return all[n/2], nil
}

// fill puts records until there are n.
func fill(s store.Store, n int) error {
	for {
		have := 0
		if err := s.View(func(x store.Tx) error { have = x.Len(); return nil }); err != nil || have >= n {
			return err
		}
		if err := s.Update(put(min(batch, n-have))); err != nil {
			return err
		}
	}
}

// put puts n records under new names.
func put(n int) func(store.Tx) error {
	return func(x store.Tx) error {
		for range n {
			var id store.ID
			record := make([]byte, recordSize)
			rand.Read(id[:])
			rand.Read(record)
			if err := x.Put(id, record); err != nil {
				return err
			}
		}
		return nil
	}
}

// lastChange is what another process does that has missed one commit.
func lastChange(x store.Tx) error {
	ids, ok := x.Changes(x.Generation() - 1)
	if !ok || x.Len() == 0 {
		return errors.New("the log does not reach back by one")
	}
	for _, id := range ids {
		x.Get(id)
	}
	return nil
}

func getOne(x store.Tx) error {
	var id store.ID
	rand.Read(id[:])
	x.Get(id)
	return nil
}

func readAll(x store.Tx) error {
	sum := 0
	for _, r := range x.All() {
		sum += len(r)
	}
	if sum < x.Len()*recordSize {
		return errors.New("records are missing")
	}
	return nil
}

func openAgain(dir string, _ store.Store) error {
	s, err := store.OpenFile(dir, store.Options{})
	if err != nil {
		return err
	}
	return s.Close()
}

func table(p bench.Plot) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\t", p.XName)
	for _, l := range p.Lines {
		fmt.Fprintf(t, "%s, %s\t", l.Name, p.YName)
	}
	fmt.Fprintln(t)
	for i, x := range p.X {
		fmt.Fprintf(t, "%.0f\t", x)
		for _, l := range p.Lines {
			fmt.Fprintf(t, "%.0f\t", l.Y[i])
		}
		fmt.Fprintln(t)
	}
	t.Flush()
	return b.String()
}

func write(p bench.Plot, out string) error {
	if out == "" {
		fmt.Print(table(p))
		return nil
	}
	if err := os.WriteFile(out+".txt", []byte(table(p)), 0o644); err != nil {
		return err
	}
	f, err := os.Create(out + ".svg")
	if err != nil {
		return err
	}
	return errors.Join(p.WriteSVG(f), f.Close())
}
