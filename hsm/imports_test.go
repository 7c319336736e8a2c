package hsm

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/coffer-hsm/coffer/"

// lines says which of Coffer's own packages each package may import: imports
// point one way. A folder that ends in a slash stands for all packages below it.
var lines = map[string][]string{
	"fips":                {},
	"hsm":                 {"hsm/"},
	"hsm/api":             {"hsm/ck"},
	"hsm/audit":           {"hsm/ck", "hsm/store"},
	"hsm/ck":              {},
	"hsm/object":          {"hsm/api", "hsm/ck", "hsm/secret"},
	"hsm/partition":       {"hsm/api", "hsm/audit", "hsm/ck", "hsm/object", "hsm/seal", "hsm/secret", "hsm/service", "hsm/store"},
	"hsm/seal":            {"hsm/secret"},
	"hsm/secret":          {},
	"hsm/service":         {"fips", "hsm/api", "hsm/ck", "hsm/crypto/", "hsm/object", "hsm/secret"},
	"hsm/store":           {},
	"hsm/store/storetest": {},
	"hsm/crypto/":         {"fips", "hsm/crypto/"},
	"slots":               {"hsm/api", "hsm/ck", "hsm/object", "hsm/secret"},
	"pkcs11":              {"slots", "hsm", "hsm/api", "hsm/ck", "hsm/object", "hsm/secret", "hsm/store"},
	"cmd/":                {"slots", "hsm", "hsm/api", "hsm/ck", "hsm/object", "hsm/secret"},
}

// TestImports holds every package to its line, and every package in the tree to
// having one.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`,
		module+"hsm/...", module+"fips/...", module+"slots/...", module+"cmd/...", module+"pkcs11").Output()
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(string(out)) {
		fields := strings.Fields(row)
		name := strings.TrimPrefix(fields[0], module)
		if name == "hsm/ck/gen" { // a generator, linked into nothing
			continue
		}
		allowed, ok := lineOf(name)
		if !ok {
			t.Errorf("%s has no line: say above what it may import", name)
		}
		for _, path := range fields[1:] {
			if own, is := strings.CutPrefix(path, module); is && !allows(allowed, own) {
				t.Errorf("%s imports %s", name, own)
			}
		}
	}
}

func lineOf(name string) ([]string, bool) {
	for dir := name; dir != "."; dir = filepath.Dir(dir) {
		if l, ok := lines[dir]; ok && dir == name {
			return l, true
		}
		if l, ok := lines[dir+"/"]; ok {
			return l, true
		}
	}
	return nil, false
}

func allows(line []string, path string) bool {
	return slices.ContainsFunc(line, func(a string) bool {
		return a == path || strings.HasSuffix(a, "/") && strings.HasPrefix(path, a)
	})
}

// TestTopLevel: the top level of the tree is fixed. What is built is not part of it.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	allowed := strings.Fields(`hsm pkcs11 slots fips cmd testvectors bench go.mod go.sum README.md
		Makefile .ci .gitignore LICENSE SECURITY.md CHANGELOG.md build .git`)
	for _, e := range entries {
		if !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s stands at the top level", e.Name())
		}
	}
}
