package hosttest

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildCore compiles a core in C from testdata to file, beside the front.
func buildCore(t *testing.T, name, file string, flags ...string) {
	t.Helper()
	arguments := append([]string{"-shared", "-fPIC", "-o", file, source(t, name)}, flags...)
	if out, err := exec.Command("gcc", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("gcc %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
}

// A fork waits for open store transactions, but not for ever.
func TestForkAndTransactions(t *testing.T) {
	id, err := exec.Command("make", "-s", "-C", root, "build-id").Output()
	if err != nil {
		t.Fatal(err)
	}
	front := install(t, "libcoffer-pkcs11.so")
	for _, file := range []string{"libcoffer-core.so", "libcoffer-core-fork.so"} {
		buildCore(t, "slow_core", filepath.Join(filepath.Dir(front), file), "-DCOFFER_BUILD="+strings.TrimSpace(string(id)))
	}
	h := newHost(t, "guard")
	h.module = front
	for part, count := range map[string]string{"waits": "1", "bound": "1", "back": "100"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			h.mustRun(t, part, count)
		})
	}
}
