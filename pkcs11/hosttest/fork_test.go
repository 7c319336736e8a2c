package hosttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFork(t *testing.T) {
	runParts(t, "fork", []part{
		{"row", 100, 1000, 5 * time.Second},
		{"once", 50, 50, 5 * time.Second},
		{"busy", 20, 150, 15 * time.Second},
		{"nested", 6, 40, 5 * time.Second},
		{"threads", 5, 30, 15 * time.Second},
		{"ends", 50, 1000, time.Second},
		{"load", 20, 150, 10 * time.Second},
		{"clone", 10, 200, 5 * time.Second},
		{"daemon", 5, 60, 5 * time.Second},
		{"killed", 5, 100, 5 * time.Second},
	})
}

// Without the second file a child has a copy in memory.
func TestForkWithoutSecondFile(t *testing.T) {
	h := newTokenHost(t, "fork")
	h.module = install(t, "libcoffer-pkcs11.so", "libcoffer-core.so")
	h.mustRun(t, "nested", "3")
}

// A second file that is the first one under another name is no copy: the child
// must not be handed the dead core.
func TestForkWithLinkedSecondFile(t *testing.T) {
	for name, link := range map[string]func(string, string) error{"hard": os.Link, "symbolic": os.Symlink} {
		t.Run(name, func(t *testing.T) {
			h := newTokenHost(t, "fork")
			h.module = install(t, "libcoffer-pkcs11.so", "libcoffer-core.so")
			folder := filepath.Dir(h.module)
			err := link(filepath.Join(folder, "libcoffer-core.so"), filepath.Join(folder, "libcoffer-core-fork.so"))
			if err != nil {
				t.Fatal(err)
			}
			h.mustRun(t, "nested", "2")
		})
	}
}

// install copies libraries to a folder of their own and returns the front there.
func install(t *testing.T, files ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, file := range files {
		from := filepath.Join(filepath.Dir(module), file)
		if out, err := exec.Command("cp", from, folder).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v\n%s", err, out)
		}
	}
	return filepath.Join(folder, "libcoffer-pkcs11.so")
}

func TestReload(t *testing.T) {
	runParts(t, "reload", []part{
		{"unload", 20, 500, time.Second},
		{"forget", 20, 500, time.Second},
		{"race", 20, 500, time.Second},
		{"threads", 500, 20000, 10 * time.Millisecond},
	})
}

func TestSignals(t *testing.T) {
	runParts(t, "signals", []part{
		{"unchanged", 1, 1, time.Second},
		{"deaf", 1, 1, time.Second},
		{"back", 1, 1, time.Second},
		{"child", 500, 12000, 100 * time.Millisecond},
		{"alarms", 2, 30, 2 * time.Second},
		{"alarms", 3, 31, 2 * time.Second},
	})
}

// Handlers without SA_ONSTACK, in the midst of calls, or after them where the user
// wants it so.
func TestHandlers(t *testing.T) {
	for _, choice := range []string{"direct", "masked"} {
		t.Run(choice, func(t *testing.T) {
			t.Setenv("COFFER_SIGNALS", choice)
			runParts(t, "handlers", []part{
				{"deep", 3, 40, 2 * time.Second},
				{"unrestarted", 2, 20, 2 * time.Second},
				{"faulty", 3, 40, 2 * time.Second},
				{"urgent", 200, 5000, 50 * time.Millisecond},
				{"ends", 200, 5000, 50 * time.Millisecond},
			})
		})
	}
}

// The host's own mistakes end it as they always did, without a word from Go.
func TestDeathsBySignal(t *testing.T) {
	for name, number := range map[string]string{"SIGSEGV": "11", "SIGPIPE": "13"} {
		t.Run(name, func(t *testing.T) {
			h := newTokenHost(t, "signals")
			if out := h.mustRun(t, "dies", number); strings.TrimSpace(out) != "" {
				t.Errorf("output %q", out)
			}
		})
	}
}
