package hosttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/pkcs11/rig"
)

// root is the project's folder, seen from this package.
const root = "../.."

var (
	// module is the library under test.
	module string
	// programs is where the C programs of a run are.
	programs string
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	build, err := rig.Build(root, "front", "core")
	if err != nil {
		return 0, err
	}
	module = filepath.Join(build, rig.Front)
	folder, err := os.MkdirTemp("", "coffer-hosttest-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	programs = folder
	return m.Run(), nil
}

// source is a C file of testdata.
func source(t *testing.T, name string) string {
	t.Helper()
	file := name + ".c"
	if err := rig.Depend("testdata", file, "host.h", "resident.h", "search.h"); err != nil {
		t.Fatal(err)
	}
	return filepath.Join("testdata", file)
}

// compile builds testdata/<name>.c and returns the program. flags go to the
// compiler.
func compile(t *testing.T, name string, flags ...string) string {
	t.Helper()
	program := filepath.Join(programs, name)
	if _, err := os.Stat(program); err == nil {
		return program
	}
	arguments := append([]string{"-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable",
		"-o", program, source(t, name)}, flags...)
	arguments = append(arguments, "-lpthread", "-ldl")
	if out, err := exec.Command("gcc", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("gcc %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return program
}

// A host is a process to be run.
type host struct {
	program string
	// module and home are what the program finds in COFFER_TEST_MODULE and
	// COFFER_HOME.
	module, home string
	folder       string
	environment  []string
	limit        time.Duration
}

// newHost compiles a program and gives it an empty home.
func newHost(t *testing.T, name string, flags ...string) host {
	t.Helper()
	if err := rig.Depend(filepath.Dir(module), rig.Front, rig.Core); err != nil {
		t.Fatal(err)
	}
	return host{program: compile(t, name, flags...), module: module, home: t.TempDir(), limit: time.Minute}
}

// newTokenHost is newHost with a token in the home.
func newTokenHost(t *testing.T, name string, flags ...string) host {
	t.Helper()
	h := newHost(t, name, flags...)
	token := newHost(t, "token")
	token.home = h.home
	token.mustRun(t)
	return h
}

// run runs the program in a process group of its own, and ends the whole group
// when the time is over: a hang is what many of these tests are about.
func (h host) run(arguments ...string) (output string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), h.limit)
	defer cancel()
	command := exec.CommandContext(ctx, h.program, arguments...)
	command.Dir = h.folder
	command.Env = append(os.Environ(), "COFFER_TEST_MODULE="+h.module, "COFFER_HOME="+h.home)
	command.Env = append(command.Env, h.environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err = command.Run()
	if ctx.Err() != nil {
		err = errors.Join(fmt.Errorf("hangs: not done after %v", h.limit), err)
	}
	return out.String(), err
}

func (h host) mustRun(t *testing.T, arguments ...string) string {
	t.Helper()
	out, err := h.run(arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(h.program), strings.Join(arguments, " "), err, tail(out))
	}
	return out
}

// tail is the last of an output that may be long.
func tail(out string) string {
	const most = 4000
	if len(out) > most {
		return "..." + out[len(out)-most:]
	}
	return out
}

// A part is one part of a program with its count: for make test, and for a soak.
type part struct {
	name        string
	count, long int
	// each is how long one of the count may take, on a slow machine.
	each time.Duration
}

// runParts runs the parts of a program, each with a token of its own.
func runParts(t *testing.T, program string, parts []part) {
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			count := soak.Or(p.long, p.count)
			h := newTokenHost(t, program)
			h.limit = time.Minute + time.Duration(count)*p.each
			h.mustRun(t, p.name, strconv.Itoa(count))
		})
	}
}
