// Package drive runs the C driver (bench/driver), which loads a PKCS #11 module in a
// process of its own and measures one row after another as it is told. It knows the
// driver's protocol and nothing of modules, so that the tool can use it too.
package drive

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// A Measurement is one line of the driver.
type Measurement struct {
	Row        string  `json:"row"`
	Threads    int     `json:"threads"`
	Bytes      int     `json:"bytes"`
	Operations uint64  `json:"operations"`
	Seconds    float64 `json:"seconds"`     // from the start to the end of the last operation
	CPUSeconds float64 `json:"cpu_seconds"` // of the process
	Rate       float64 `json:"rate"`        // operations a second, all threads
}

// PerCPUSecond is how many operations a second of processor time is good for.
// What else runs on the machine hardly touches it.
func (m Measurement) PerCPUSecond() float64 { return float64(m.Operations) / m.CPUSeconds }

// line is what the driver answers: a measurement, or why there is none.
type line struct {
	Measurement
	Failed string   `json:"failed"` // the call that did not succeed
	Code   uint64   `json:"code"`   // its CK_RV
	Rows   []string `json:"rows"`   // with row "open"
	Login  bool     `json:"login"`  // with row "token": somebody must log in
}

// A Failure is a call of the module that did not succeed.
type Failure struct {
	Call string
	Code uint64 // CK_RV; 0 if it is not about one
}

func (f *Failure) Error() string {
	if f.Code == 0 {
		return f.Call
	}
	return fmt.Sprintf("%s: CK_RV %#x", f.Call, f.Code)
}

// ErrAbsent is for a row that the module has not got.
var ErrAbsent = errors.New("bench: the module has not got that")

// absent are the codes of a module that has not got what the row is about.
var absent = map[uint64]bool{
	0x54:  true, // CKR_FUNCTION_NOT_SUPPORTED
	0x62:  true, // CKR_KEY_SIZE_RANGE
	0x70:  true, // CKR_MECHANISM_INVALID
	0x71:  true, // CKR_MECHANISM_PARAM_INVALID
	0x130: true, // CKR_DOMAIN_PARAMS_INVALID
	0x140: true, // CKR_CURVE_NOT_SUPPORTED
}

// noRow is what the driver says of a row that it does not know.
const noRow = "no such row"

// A Driver is a module under way. It is for one goroutine.
type Driver struct {
	// Rows are the names of what it can measure.
	Rows    []string
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Scanner
}

// Start starts the driver. With its argument -ask the token's PIN is read from pin if
// somebody must log in; pin's caller owns what it returns. The error is a *Failure if
// the module was at fault.
func Start(command *exec.Cmd, pin func() ([]byte, error)) (d *Driver, err error) {
	d = &Driver{command: command}
	if d.input, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.output = bufio.NewScanner(output)
	if err := command.Start(); err != nil {
		return nil, err
	}
	if err := d.open(pin); err != nil {
		_ = d.Close() // the reason is known; how the process ended adds nothing
		return nil, err
	}
	return d, nil
}

func (d *Driver) open(pin func() ([]byte, error)) error {
	l, err := d.line()
	if err == nil && l.Row == "token" {
		if err = d.answer(l.Login, pin); err == nil {
			l, err = d.line()
		}
	}
	d.Rows = l.Rows
	return err
}

// answer gives the driver the PIN, or an empty line.
func (d *Driver) answer(login bool, pin func() ([]byte, error)) error {
	var secret []byte
	if login {
		var err error
		if secret, err = pin(); err != nil {
			return err
		}
	}
	if _, err := d.input.Write(secret); err != nil {
		return err
	}
	_, err := d.input.Write([]byte("\n"))
	return err
}

// line reads a line. The error is a *Failure if it tells of one.
func (d *Driver) line() (l line, err error) {
	if !d.output.Scan() {
		return l, errors.New("the driver ended")
	}
	if err := json.Unmarshal(d.output.Bytes(), &l); err != nil {
		return l, fmt.Errorf("%w: %q", err, d.output.Text())
	}
	if l.Failed != "" {
		return l, &Failure{l.Failed, l.Code}
	}
	return l, nil
}

// Set sets how much there is of what rows work on, or beside: "payload" in bytes,
// "sessions" that are open, "objects" of the session, "labels" that objects of the token
// have (bench/driver/token_scale.c).
func (d *Driver) Set(name string, number int) error {
	if _, err := fmt.Fprintln(d.input, name, number); err != nil {
		return err
	}
	_, err := d.line()
	return err
}

// Measure runs a row. The error is ErrAbsent if the module, or the driver, has not
// got it, and a *Failure if a call did not succeed; others end the driver.
func (d *Driver) Measure(row string, threads int, t time.Duration) (Measurement, error) {
	if _, err := fmt.Fprintln(d.input, row, threads, t.Milliseconds()); err != nil {
		return Measurement{}, err
	}
	l, err := d.line()
	var f *Failure
	if errors.As(err, &f) && (absent[f.Code] || f.Call == noRow) {
		err = ErrAbsent
	}
	return l.Measurement, err
}

// Close ends the process.
func (d *Driver) Close() error {
	return errors.Join(d.input.Close(), d.command.Wait())
}
