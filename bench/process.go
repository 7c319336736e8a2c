package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/coffer-hsm/coffer/bench/drive"
)

// A Driver is a module under way in a process of its own.
type Driver struct {
	Module
	process *drive.Driver
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
	return m.start(program, home)
}

// StartOn is Start with a home that is there already.
func (m Module) StartOn(root, folder string, home *Home) (*Driver, error) {
	program, err := m.backend.build(root, folder)
	if err != nil {
		return nil, err
	}
	m.prepare = func(string) (arguments, environment []string, err error) {
		return []string{"-pin", pin}, []string{"COFFER_HOME=" + home.Dir, "COFFER_CONF="}, nil
	}
	return m.start(program, home.Dir)
}

func (m Module) start(program, home string) (*Driver, error) {
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
	process, err := drive.Start(command, nil)
	if err != nil {
		return nil, fmt.Errorf("bench: %s: %w", m.Name, err)
	}
	return &Driver{m, process}, nil
}

// Measure runs a row. ok is false if the module has not got it.
func (d *Driver) Measure(row string, threads int, t time.Duration) (m drive.Measurement, ok bool, err error) {
	m, err = d.process.Measure(row, threads, t)
	switch {
	case errors.Is(err, drive.ErrAbsent):
		return m, false, nil
	case err != nil:
		return m, false, fmt.Errorf("bench: %s: %s: %w", d.Name, row, err)
	}
	return m, true, nil
}

// Set is drive.Driver's.
func (d *Driver) Set(name string, number int) error {
	if err := d.process.Set(name, number); err != nil {
		return fmt.Errorf("bench: %s: %s %d: %w", d.Name, name, number, err)
	}
	return nil
}

// Close ends the process.
func (d *Driver) Close() error { return d.process.Close() }
