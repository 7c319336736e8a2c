package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFresh runs the generator into a copy of the tree and compares: whoever
// changes a table must run it.
func TestFresh(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	copyRoot := t.TempDir()
	for _, dir := range []string{"hsm/ck/spec", "pkcs11/front"} {
		if err := os.MkdirAll(filepath.Join(copyRoot, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"constants.tsv", "functions.tsv", "structs.tsv"} {
		text, err := os.ReadFile(filepath.Join(root, "hsm/ck/spec", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copyRoot, "hsm/ck/spec", name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "run", ".", filepath.Join(copyRoot, "hsm/ck")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"hsm/ck/constants.go", "hsm/ck/names.go", "pkcs11/front/pkcs11.h", "pkcs11/front/functions.h"} {
		want, err := os.ReadFile(filepath.Join(copyRoot, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is stale: run go generate ./hsm/ck", name)
		}
	}
}
