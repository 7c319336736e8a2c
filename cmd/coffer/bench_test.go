package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/pkcs11/rig"
)

// A bencher is the tool as it is built, with what lies beside it.
type bencher struct {
	tool, temp  string
	environment []string
}

func newBencher(t *testing.T, environment ...string) bencher {
	t.Helper()
	build, err := rig.Build("../..", "front", "core", "tool", "driver")
	if err != nil {
		t.Fatal(err)
	}
	if err := rig.Depend(build, rig.Front, rig.Core, rig.Tool, benchDriver); err != nil {
		t.Fatal(err)
	}
	b := bencher{tool: filepath.Join(build, rig.Tool), temp: t.TempDir()}
	b.environment = append(append(os.Environ(), "TMPDIR="+b.temp), environment...)
	return b
}

func (b bencher) command(arguments ...string) *exec.Cmd {
	c := exec.Command(b.tool, append([]string{"bench"}, arguments...)...)
	c.Env = b.environment
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal to ask at
	return c
}

// nothingLeft: homes of a benchmark are thrown away.
func (b bencher) nothingLeft(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(b.temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBenchJSON(t *testing.T) {
	b := newBencher(t)
	out, err := b.command("--rows", "sha256-|session", "--threads", "1,2", "--seconds", "0.01", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var v benchView
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(v.Rows) < 2 || filepath.Base(v.Module) != rig.Front {
		t.Errorf("%+v", v)
	}
	for _, r := range v.Rows {
		if len(r.Cells) != 2 || r.Cells[0].Rate <= 0 || r.Cells[1].Threads != 2 || r.Cells[1].Rate <= 0 {
			t.Errorf("%+v", r)
		}
	}
	b.nothingLeft(t)
}

// newSoftHSM is a token of another module, with the label demo, its slot and environment.
func newSoftHSM(t *testing.T) (module, slot, environment string) {
	t.Helper()
	folder := t.TempDir()
	conf := filepath.Join(folder, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+folder+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment = "SOFTHSM2_CONF=" + conf
	c := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "demo", "--so-pin", "12345678", "--pin", "right user")
	c.Env = append(os.Environ(), environment)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	words := strings.Fields(string(out))
	return "libsofthsm2.so", words[len(words)-1], environment // "... reassigned to slot N"
}

// TestBenchModule measures another module, and says what is wrong where something is.
func TestBenchModule(t *testing.T) {
	module, slot, environment := newSoftHSM(t)
	module = softHSM(t, module)
	b := newBencher(t, environment)
	right, wrong := filepath.Join(t.TempDir(), "pin"), filepath.Join(t.TempDir(), "pin")
	for name, text := range map[string]string{right: "right user\n", wrong: "wrong user\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	quick := []string{"--seconds", "0.01", "--rows", "random-32B", "--module"}
	for _, c := range []struct {
		name      string
		arguments []string
		code      int
		want      string
	}{
		{"a table", append(quick, module, "--token", "demo", "--pin-file", right), 0, "random-32B"},
		{"a table by slot", append(quick, module, "--slot", slot, "--pin-file", right), 0, "random-32B"},
		{"a wrong PIN", append(quick, module, "--token", "demo", "--pin-file", wrong), exitWrongPIN, "wrong user PIN"},
		{"no PIN", append(quick, module, "--token", "demo"), exitFailed, "--pin-file"},
		{"no token", append(quick, module, "--token", "dem"), exitFailed, "no such token"},
		{"no slot", append(quick, module, "--slot", "77"), exitFailed, "CKR_SLOT_ID_INVALID"},
		{"slot and token", append(quick, module, "--slot", slot, "--token", "demo"), exitUsage, "exclude each other"},
		{"a slot of nothing", []string{"--slot", "1"}, exitUsage, "are for --module"},
		{"parameters of nothing", []string{"--parameters", "x"}, exitUsage, "are for --module"},
		{"NSS", append(quick, "libsoftokn3.so", "--parameters", "configdir='' flags=noCertDB,noModDB,readOnly"), 0, "random-32B"},
		{"NSS without its parameters", append(quick, "libsoftokn3.so"), exitFailed, "C_Initialize: CKR_ARGUMENTS_BAD"},
		{"no module", append(quick, "/nowhere.so"), exitFailed, "/nowhere.so"},
		{"not a module", append(quick, "libc.so.6"), exitFailed, "C_GetFunctionList"},
	} {
		out, err := b.command(c.arguments...).CombinedOutput()
		code := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		if code != c.code || !strings.Contains(string(out), c.want) || strings.Contains(string(out), "right user") {
			t.Errorf("%s: exit code %d, not %d:\n%s", c.name, code, c.code, out)
		}
	}
	b.nothingLeft(t)
}

// softHSM is the path of SoftHSM2's module.
func softHSM(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/*/softhsm/" + name)
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s: %v", name, err)
	}
	return found[0]
}

// TestBenchInterrupted: Ctrl-C ends a benchmark, and its home goes.
func TestBenchInterrupted(t *testing.T) {
	b := newBencher(t)
	c := b.command("--rows", "random-32B", "--seconds", "600")
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if made, _ := filepath.Glob(b.temp + "/coffer-bench-*/partitions"); len(made) > 0 || time.Now().After(deadline) {
			break
		}
	}
	if err := syscall.Kill(-c.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
	b.nothingLeft(t)
}

func TestBenchTable(t *testing.T) {
	var out strings.Builder
	table := newBenchTable(&tool{out: &printed{w: &out}}, []int{1, 8}, []string{"a-long-name", "b"})
	table.print(benchRow{Row: "b", Cells: []benchCell{{Threads: 1, Rate: 1234}, {Threads: 8, Absent: true}}})
	table.print(benchRow{Row: "a-long-name", Cells: []benchCell{{Rate: 1}, {Failed: "C_Sign: CKR_DEVICE_ERROR\x1b"}}})
	want := `OPERATION      1 THREAD   8 THREADS
b              1.23 k/s           -
a-long-name     1.00 /s      failed
  C_Sign: CKR_DEVICE_ERROR?
`
	if out.String() != want {
		t.Errorf("%s\nnot\n%s", out.String(), want)
	}
}
