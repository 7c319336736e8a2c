package main

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestImports holds the tool to its line of the layout: it is a user of the
// module, not a part of it.
func TestImports(t *testing.T) {
	const own = "github.com/coffer-hsm/coffer/"
	allowed := []string{"slots", "hsm", "hsm/api", "hsm/ck", "hsm/object", "hsm/secret"}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source files: %v", err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if rest, ok := strings.CutPrefix(path, own); ok && !slices.Contains(allowed, rest) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
