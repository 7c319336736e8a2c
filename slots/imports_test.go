package slots

import (
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// allowedImports are what this package may use beside the standard library.
var allowedImports = map[string]bool{
	"github.com/coffer-hsm/coffer/hsm/api":    true,
	"github.com/coffer-hsm/coffer/hsm/ck":     true,
	"github.com/coffer-hsm/coffer/hsm/object": true,
	"github.com/coffer-hsm/coffer/hsm/secret": true,
}

// No C, nothing unsafe, no network, and of Coffer only the seam.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			first, _, _ := strings.Cut(path, "/")
			switch {
			case path == "C", path == "unsafe", first == "net", first == "os", first == "syscall":
				t.Errorf("%s imports %s", name, path)
			case strings.Contains(first, ".") && !allowedImports[path]:
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
