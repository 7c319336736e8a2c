package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coffer-hsm/coffer/bench/drive"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const benchText = `Measure how many operations a second a PKCS #11 module does: signatures, encryption,
digests, random bytes, sessions, objects. All go through the module as programs call
it, with session keys, so that nothing stays in the token.

Without --module it is the library of Coffer beside this tool, on a home of its own
that is thrown away. With --module it is that module as it is set up for you, the
token that --token or --slot names or its first, and the user PIN if the token wants one.

"-" stands for what a module has not got. Figures of machines that have other work to
do, and of different machines, are not comparable.`

const benchExample = `  coffer bench
  coffer bench --rows 'rsa|gcm' --threads 1,8 --seconds 3
  coffer bench --module /usr/lib/softhsm/libsofthsm2.so --token demo --pin-file user.pin
  coffer bench --module libsoftokn3.so --parameters "configdir='' flags=noCertDB,noModDB,readOnly"`

// benchOptions are the flags of coffer bench.
type benchOptions struct {
	module, token, rows string
	parameters          string // for C_Initialize of the module
	slot                int    // of the module; below 0: none was given
	threads             []int
	seconds             float64
}

func newBench(t *tool) *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use:     "bench",
		Short:   "Measure a PKCS #11 module",
		Long:    benchText,
		Example: benchExample,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			pattern, err := o.check(c)
			if err != nil {
				return err
			}
			return t.bench(o, pattern)
		},
	}
	t.user.register(c)
	f := c.Flags()
	f.StringVar(&o.module, "module", "", "measure the module at `PATH` (default: Coffer's, on a home of its own)")
	f.StringVar(&o.token, "token", "", "use the token called `LABEL` of --module (default: the first)")
	f.IntVar(&o.slot, "slot", -1, "use the slot with this `ID` of --module, whatever its token is called")
	f.StringVar(&o.parameters, "parameters", "", "hand `STRING` to C_Initialize of --module, without which NSS does not start")
	f.StringVar(&o.rows, "rows", "", "measure what matches the regular expression `ROWS` (default: all)")
	f.IntSliceVar(&o.threads, "threads", []int{1}, "measure with so many `THREADS`, several numbers separated by commas")
	f.Float64Var(&o.seconds, "seconds", 1, "measure each for so many `SECONDS`")
	t.jsonFlag(c)
	return c
}

// check finds what is wrong with the command line.
func (o benchOptions) check(c *cobra.Command) (*regexp.Regexp, error) {
	pattern, err := regexp.Compile(o.rows)
	if err != nil {
		return nil, usageError(c, "--rows %q is no regular expression", o.rows)
	}
	for _, n := range o.threads {
		if n < 1 || n > 1024 {
			return nil, usageError(c, "--threads %d is not between 1 and 1024", n)
		}
	}
	if o.seconds < 0.001 || o.seconds > 3600 {
		return nil, usageError(c, "--seconds %g is not between 0.001 and 3600", o.seconds)
	}
	slot := c.Flags().Changed("slot")
	switch {
	case o.module == "" && (o.token != "" || o.parameters != "" || slot):
		return nil, usageError(c, "--token, --slot and --parameters are for --module")
	case o.token != "" && slot:
		return nil, usageError(c, "--token and --slot exclude each other")
	case slot && o.slot < 0:
		return nil, usageError(c, "--slot %d is below 0", o.slot)
	}
	return pattern, nil
}

// benchRow is one line of the table, and of the JSON.
type benchRow struct {
	Row   string      `json:"row"`
	Bytes int         `json:"bytes,omitempty"` // that one operation works through
	Cells []benchCell `json:"threads"`
}

// benchCell is a row with a number of threads.
type benchCell struct {
	Threads int     `json:"threads"`
	Rate    float64 `json:"rate,omitempty"`   // operations a second; 0: none
	Absent  bool    `json:"absent,omitempty"` // the module has not got that
	Failed  string  `json:"failed,omitempty"` // the call, and its code
}

// benchView is the JSON of coffer bench.
type benchView struct {
	Module  string     `json:"module"`
	Token   string     `json:"token,omitempty"`
	Seconds float64    `json:"seconds"`
	Rows    []benchRow `json:"rows"`
}

// bench measures and prints as it goes.
func (t *tool) bench(o benchOptions, pattern *regexp.Regexp) (err error) {
	ctx, stop := interruptible()
	defer stop()
	b, err := t.benchTarget(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.remove()) }()
	d, err := b.start(ctx, t)
	if err != nil {
		return err
	}
	defer d.Close() // however it ends: what counts has been read
	var rows []string
	for _, row := range d.Rows {
		if pattern.MatchString(row) {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return hintf("there are "+strings.Join(d.Rows, ", "), "no row matches %s", quote(o.rows))
	}
	v := benchView{Module: b.module, Token: o.token, Seconds: o.seconds}
	if err := t.benchRows(ctx, d, o, rows, &v); err != nil {
		return err
	}
	if t.json {
		return t.show(v, nil)
	}
	return nil // every row has been printed
}

// benchRows measures rows into v, and prints each when it is there.
func (t *tool) benchRows(ctx context.Context, d *drive.Driver, o benchOptions, rows []string, v *benchView) error {
	table := newBenchTable(t, o.threads, rows)
	bar := t.progress("measuring")
	defer bar.end()
	for i, name := range rows {
		r := benchRow{Row: name}
		for j, n := range o.threads {
			bar.what = name
			bar.set(i*len(o.threads)+j, len(rows)*len(o.threads))
			cell, err := r.measure(d, n, o.seconds)
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			r.Cells = append(r.Cells, cell)
		}
		bar.end()
		table.print(r)
		v.Rows = append(v.Rows, r)
	}
	return nil
}

// measure does a row once. A call that fails is a result; a driver that is gone is an
// error.
func (r *benchRow) measure(d *drive.Driver, threads int, seconds float64) (benchCell, error) {
	cell := benchCell{Threads: threads}
	m, err := d.Measure(r.Row, threads, time.Duration(seconds*float64(time.Second)))
	var failure *drive.Failure
	switch {
	case errors.Is(err, drive.ErrAbsent):
		cell.Absent = true
	case errors.As(err, &failure):
		cell.Failed = benchFailure(failure)
	case err != nil:
		return cell, err
	default:
		cell.Rate, r.Bytes = m.Rate, m.Bytes
	}
	return cell, nil
}

// benchFailure names the code of a call.
func benchFailure(f *drive.Failure) string {
	if f.Code == 0 {
		return f.Call
	}
	return fmt.Sprintf("%s: %v", f.Call, ck.RV(f.Code))
}
