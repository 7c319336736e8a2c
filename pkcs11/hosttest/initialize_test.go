package hosttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	hostMemory        = 0x2
	libraryLoadFailed = 0x1b7
)

func TestInitializeArguments(t *testing.T) {
	newHost(t, "initialize").mustRun(t, "arguments")
}

func TestInterfaces(t *testing.T) {
	newHost(t, "initialize").mustRun(t, "interfaces")
}

func TestLoadedOnly(t *testing.T) {
	newHost(t, "initialize").mustRun(t, "idle")
}

func TestLoadedByRelativeName(t *testing.T) {
	h := newTokenHost(t, "initialize")
	h.folder = filepath.Dir(h.module)
	h.module = "./" + filepath.Base(h.module)
	h.mustRun(t, "elsewhere")
}

// refused runs a host whose C_Initialize must give code, first in silence, then
// with COFFER_DEBUG, and returns what it then says.
func refused(t *testing.T, h host, code int) string {
	t.Helper()
	if out := h.mustRun(t, "refused", fmt.Sprint(code)); out != "" {
		t.Errorf("a library is silent, but this one said %q", out)
	}
	h.environment = append(h.environment, "COFFER_DEBUG=1")
	return h.mustRun(t, "refused", fmt.Sprint(code))
}

func TestCoreMissing(t *testing.T) {
	h := newHost(t, "initialize")
	h.module = install(t, "libcoffer-pkcs11.so")
	says := refused(t, h, libraryLoadFailed)
	want := filepath.Join(filepath.Dir(h.module), "libcoffer-core.so")
	if !strings.Contains(says, want) {
		t.Errorf("the message does not name %s: %s", want, says)
	}
}

func TestCoreDamaged(t *testing.T) {
	h := newHost(t, "initialize")
	h.module = install(t, "libcoffer-pkcs11.so")
	core := filepath.Join(filepath.Dir(h.module), "libcoffer-core.so")
	if err := os.WriteFile(core, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	if says := refused(t, h, libraryLoadFailed); !strings.Contains(says, core) {
		t.Errorf("the message does not name %s: %s", core, says)
	}
}

// A core of another boundary, or a library that is no core at all, is refused.
func TestCoreOfAnotherBuild(t *testing.T) {
	for name, want := range map[string]string{
		"other_core": "another version",
		"no_core":    "not a core library",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, "initialize")
			h.module = install(t, "libcoffer-pkcs11.so")
			core := filepath.Join(filepath.Dir(h.module), "libcoffer-core.so")
			buildCore(t, name, core)
			if says := refused(t, h, libraryLoadFailed); !strings.Contains(says, want) {
				t.Errorf("message %q lacks %q", says, want)
			}
		})
	}
}

// With too little address space the Go runtime would end the process.
func TestTooLittleAddressSpace(t *testing.T) {
	h := newHost(t, "initialize")
	program := h.program
	for _, megabytes := range []int{200, 700, 1000, 1300, 1600} {
		h.program = filepath.Join(t.TempDir(), "limited")
		script := fmt.Sprintf("#!/bin/sh\nulimit -v %d\nexec %s \"$@\"\n", megabytes*1024, program)
		if err := os.WriteFile(h.program, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if says := refused(t, h, hostMemory); !strings.Contains(says, "ulimit -v") {
			t.Errorf("%d MB: message %q", megabytes, says)
		}
	}
}

// Only what the standard names may be seen of the front, and one symbol of the
// core.
func TestExports(t *testing.T) {
	for file, allowed := range map[string]string{"libcoffer-pkcs11.so": "C_", "libcoffer-core.so": "coffer_core_entry"} {
		out, err := exec.Command("nm", "-D", "--defined-only", filepath.Join(filepath.Dir(module), file)).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			if symbol := fields[len(fields)-1]; !strings.HasPrefix(symbol, allowed) {
				t.Errorf("%s exports %s", file, symbol)
			}
		}
	}
}
