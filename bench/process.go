package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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

	// Failed is the call that did not succeed, and Code its CK_RV.
	Failed string `json:"failed,omitempty"`
	Code   uint64 `json:"code,omitempty"`
}

// PerCPUSecond is how many operations a second of processor time is good for.
// What else runs on the machine hardly touches it.
func (m Measurement) PerCPUSecond() float64 { return float64(m.Operations) / m.CPUSeconds }

// absent are the codes of a module that has not got what the row is about.
var absent = map[uint64]bool{
	0x54: true, // CKR_FUNCTION_NOT_SUPPORTED
	0x70: true, // CKR_MECHANISM_INVALID
}

// A Driver is a module under way in a process of its own.
type Driver struct {
	Module
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Scanner
}

// Start builds the driver and starts it on the module, with all that it writes
// under folder.
func (m Module) Start(root, folder string) (*Driver, error) {
	program, err := m.backend.build(root, folder)
	if err != nil {
		return nil, err
	}
	home := filepath.Join(folder, m.Name+".home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	arguments, environment, err := m.prepare(home)
	if err != nil {
		return nil, err
	}
	if m.library != "" {
		arguments = append(arguments[:len(arguments):len(arguments)], m.library)
	}
	command := exec.Command(program, arguments...)
	command.Env = append(os.Environ(), environment...)
	command.Stderr = os.Stderr
	d := &Driver{Module: m, command: command}
	return d, d.start()
}

func (d *Driver) start() (err error) {
	if d.input, err = d.command.StdinPipe(); err != nil {
		return err
	}
	output, err := d.command.StdoutPipe()
	if err != nil {
		return err
	}
	d.output = bufio.NewScanner(output)
	if err := d.command.Start(); err != nil {
		return err
	}
	ready, err := d.line()
	if err == nil && ready.Failed != "" {
		err = fmt.Errorf("bench: %s: %s: CK_RV %#x", d.Name, ready.Failed, ready.Code)
	}
	if err != nil {
		return errors.Join(err, d.Close())
	}
	return nil
}

func (d *Driver) line() (m Measurement, err error) {
	if !d.output.Scan() {
		return m, fmt.Errorf("bench: the driver of %s ended", d.Name)
	}
	if err := json.Unmarshal(d.output.Bytes(), &m); err != nil {
		return m, fmt.Errorf("bench: the driver of %s: %w: %q", d.Name, err, d.output.Text())
	}
	return m, nil
}

// Measure runs a row. ok is false if the module has not got it.
func (d *Driver) Measure(row string, threads int, t time.Duration) (m Measurement, ok bool, err error) {
	if _, err := fmt.Fprintln(d.input, row, threads, t.Milliseconds()); err != nil {
		return m, false, err
	}
	m, err = d.line()
	switch {
	case err != nil:
		return m, false, err
	case m.Failed == "":
		return m, true, nil
	case absent[m.Code], d.library == "" && m.Failed == "no such row":
		return m, false, nil
	default:
		return m, false, fmt.Errorf("bench: %s: %s: %s: CK_RV %#x", d.Name, row, m.Failed, m.Code)
	}
}

// Close ends the process.
func (d *Driver) Close() error {
	return errors.Join(d.input.Close(), d.command.Wait())
}
