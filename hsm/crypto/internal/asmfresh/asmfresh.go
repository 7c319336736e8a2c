// Package asmfresh is for tests that the assembly of a package is what its
// generator writes now: that neither was changed without the other.
package asmfresh

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// generator is the folder of the generator beside the assembly, a module of its own
// whose go:generate lines write to the folder above it.
const generator = "_asm"

// Check runs the generator of the package that is being tested, in a copy, and
// compares what it writes with what is there: every file, and all of the assembly.
func Check(t *testing.T) {
	t.Helper()
	made := t.TempDir()
	if err := os.CopyFS(filepath.Join(made, generator), os.DirFS(generator)); err != nil {
		t.Fatal(err)
	}
	generate := exec.Command("go", "generate", ".")
	generate.Dir = filepath.Join(made, generator)
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", generate, err, out)
	}
	for name := range union(t, filepath.Join(made, "*.*"), "*.s") {
		compare(t, name, filepath.Join(made, name))
	}
}

// union is the names of the files that fit either pattern.
func union(t *testing.T, patterns ...string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("nothing fits %s: %v", pattern, err)
		}
		for _, path := range paths {
			names[filepath.Base(path)] = true
		}
	}
	return names
}

func compare(t *testing.T, committed, generated string) {
	t.Helper()
	have, err := os.ReadFile(committed)
	if err != nil {
		t.Errorf("the generator writes %s, which is not there: %v", committed, err)
		return
	}
	want, err := os.ReadFile(generated)
	if err != nil {
		t.Errorf("the generator does not write %s: %v", committed, err)
		return
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s is not what the generator writes: run go generate in %s", committed, generator)
	}
}
