package fips_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryPrimitiveHasACAST walks hsm/crypto: each folder with Go code has a
// cast.go that registers a self-test.
func TestEveryPrimitiveHasACAST(t *testing.T) {
	const root = "../hsm/crypto"
	folders := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		// Generators, which Go builds into nothing, what is for tests, and how callers wait
		// for each other.
		if strings.HasPrefix(d.Name(), "_") || d.Name() == "internal" || d.Name() == "wait" {
			return filepath.SkipDir
		}
		code, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil || len(code) == 0 {
			return err
		}
		folders++
		cast, err := os.ReadFile(filepath.Join(path, "cast.go"))
		if err != nil || !strings.Contains(string(cast), "fips.CAST(\"") {
			t.Errorf("%s registers no self-test (%v)", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if folders == 0 {
		t.Error("there is no primitive: the tree has moved")
	}
}
