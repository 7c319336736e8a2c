package rig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// project is a folder with a Makefile of these rules.
func project(t *testing.T, rules string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "Makefile"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestBuild(t *testing.T) {
	root := project(t, "one two:\n\techo made > build/$@\n")
	folder, err := Build(root, "one", "two")
	if err != nil || folder != filepath.Join(root, "build") {
		t.Fatalf("%q, %v", folder, err)
	}
	if err := Depend(folder, "one", "two"); err != nil {
		t.Error(err)
	}
	if err := Depend(folder, "one", "three"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that nobody made: %v", err)
	}
}

// Of builds that are asked for at the same time one runs, the others wait.
func TestBuildsTakeTurns(t *testing.T) {
	root := project(t, "turn:\n\tmkdir build/busy\n\tsleep 0.1\n\trmdir build/busy\n")
	errs := make(chan error)
	const builds = 4
	for range builds {
		go func() {
			_, err := Build(root, "turn")
			errs <- err
		}()
	}
	for range builds {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestBuildSaysWhatFails(t *testing.T) {
	root := project(t, "bad:\n\techo no such source >&2; false\n")
	_, err := Build(root, "bad")
	if err == nil || !strings.Contains(err.Error(), "make bad") || !strings.Contains(err.Error(), "no such source") {
		t.Error(err)
	}
}
