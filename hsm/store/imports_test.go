package store

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var allowed = map[string]bool{
	"go.etcd.io/bbolt":        true,
	"go.etcd.io/bbolt/errors": true,
	"golang.org/x/sys/unix":   true,

	"github.com/coffer-hsm/coffer/hsm/store/storetest": true, // in tests; the imports test of hsm says so
}

// Beside the standard library: bbolt and system calls. What is stored is none of its business.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if strings.Contains(path, ".") && !allowed[path] {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
