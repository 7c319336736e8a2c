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
	"fips":          {},
	"hsm":           {"fips", "hsm/"},
	"hsm/api":       {"hsm/ck"},
	"hsm/audit":     {"hsm/ck", "hsm/private", "hsm/store"},
	"hsm/ck":        {},
	"hsm/importer":  {"hsm/api", "hsm/ck"},
	"hsm/object":    {"hsm/api", "hsm/ck", "hsm/secret"},
	"hsm/partition": {"hsm/api", "hsm/audit", "hsm/ck", "hsm/object", "hsm/seal", "hsm/secret", "hsm/service", "hsm/store"},
	"hsm/private":   {},
	"hsm/seal":      {"hsm/private", "hsm/secret"},
	"hsm/secret":    {},
	"hsm/service":   {"fips", "hsm/api", "hsm/ck", "hsm/crypto/", "hsm/object", "hsm/secret"},
	"hsm/store":     {"hsm/private"},
	"hsm/crypto/":   {"fips", "hsm/crypto/", "hsm/secret"},
	"slots":         {"hsm/api", "hsm/ck", "hsm/object", "hsm/secret"},
	"pkcs11":        {"slots", "hsm", "hsm/api", "hsm/ck", "hsm/crypto/wait", "hsm/object", "hsm/secret", "hsm/store"},
	"cmd/":          {"bench/drive", "slots", "hsm", "hsm/api", "hsm/audit", "hsm/audit/export", "hsm/backup", "hsm/backup/approved", "hsm/ck", "hsm/importer", "hsm/importer/", "hsm/object", "hsm/private", "hsm/seal", "hsm/seal/", "hsm/secret"},

	// For tools, not the library.
	"hsm/audit/export":      {"hsm/audit", "hsm/ck"},
	"hsm/backup/approved":   {"hsm/seal", "hsm/secret"},
	"hsm/backup":            {"hsm", "hsm/backup/approved", "hsm/api", "hsm/ck", "hsm/partition", "hsm/private", "hsm/seal", "hsm/seal/share", "hsm/secret", "hsm/store"},
	"hsm/seal/share":        {"hsm/crypto/shamir", "hsm/secret"},
	"hsm/seal/tpm":          {"hsm/seal", "hsm/secret"},
	"hsm/importer/keyfile":  {"hsm/ck", "hsm/importer", "hsm/importer/pbes2", "hsm/object", "hsm/secret", "hsm/service"},
	"hsm/importer/nss":      {"hsm/ck", "hsm/importer", "hsm/importer/pbes2", "hsm/importer/sqlite", "hsm/secret"},
	"hsm/importer/pbes2":    {"hsm/secret"},
	"hsm/importer/softhsm2": {"hsm/ck", "hsm/importer", "hsm/importer/sqlite", "hsm/secret"},
	"hsm/importer/sqlite":   {"hsm/importer"},

	// Tests, and what they need.
	"bench/drive":               {},
	"pkcs11/rig":                {},
	"hsm/importer/importertest": {"hsm", "hsm/api", "hsm/ck", "hsm/importer"},
	"hsm/partition/crashtest":   {},
	"hsm/partition/oldertest":   {"hsm/store"},
	"hsm/soak":                  {},
	"hsm/store/storetest":       {},
}

// outside says what each package may import from outside the standard library and
// Coffer; those that are not here do without.
var outside = map[string][]string{
	"hsm":                  {"github.com/BurntSushi/toml", "golang.org/x/mod/sumdb/tlog", "golang.org/x/sys/unix"},
	"hsm/audit":            {"golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog", "golang.org/x/sys/unix"},
	"hsm/backup":           {"filippo.io/age", "golang.org/x/sys/unix"},
	"hsm/crypto/aes":       {"golang.org/x/sys/cpu"},
	"hsm/crypto/rsa":       {"filippo.io/bigmod", "golang.org/x/sys/cpu"},
	"hsm/partition":        {"golang.org/x/crypto/cryptobyte", "golang.org/x/sys/cpu"},
	"hsm/private":          {"golang.org/x/sys/unix"},
	"hsm/seal/tpm":         {"github.com/google/go-tpm/tpm2", "github.com/google/go-tpm/tpm2/"},
	"hsm/seal":             {"golang.org/x/crypto/argon2", "golang.org/x/sys/unix"},
	"hsm/secret":           {"golang.org/x/sys/cpu", "golang.org/x/sys/unix"},
	"hsm/service":          {"golang.org/x/crypto/"},
	"hsm/store":            {"go.etcd.io/bbolt", "go.etcd.io/bbolt/errors", "golang.org/x/sys/unix"},
	"hsm/store/storetest":  {"golang.org/x/sys/unix"},
	"cmd/coffer":           {"filippo.io/age", "filippo.io/age/armor", "github.com/ProtonMail/go-crypto/openpgp/", "github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/sys/unix", "golang.org/x/term"},
	"hsm/importer/keyfile": {"golang.org/x/crypto/cryptobyte", "golang.org/x/crypto/cryptobyte/asn1", "software.sslmate.com/src/go-pkcs12"},
	"hsm/importer/pbes2":   {"golang.org/x/crypto/cryptobyte", "golang.org/x/crypto/cryptobyte/asn1", "golang.org/x/crypto/scrypt"},
	"slots":                {"golang.org/x/sys/cpu"},
	"hsm/importer/sqlite":  {"github.com/mattn/go-sqlite3"},
}

// without says what of the standard library a package does without, with all that
// is below it. slots is plain Go over the seam: no C, no files, no network. What
// pkcs11 is not to have would start goroutines, read the environment that the front
// reads, or write where the host does.
var without = map[string][]string{
	"slots":  {"C", "unsafe", "net", "os", "syscall"},
	"pkcs11": {"fmt", "log", "net", "os", "syscall", "time"},
}

// toolOnly is what the PKCS #11 library is not to have in it, by whatever way.
var toolOnly = []string{module + "hsm/audit/export", module + "hsm/backup/approved", module + "hsm/crypto/shamir", module + "hsm/seal/share", module + "hsm/seal/tpm",
	"filippo.io/age", "filippo.io/age/", "github.com/ProtonMail/go-crypto/", "github.com/cloudflare/circl/", "github.com/google/go-tpm/", "net"}

// TestLibraryIsSmall: what only tools need is in none of the library's imports.
func TestLibraryIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"pkcs11").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		if allows(toolOnly, path) {
			t.Errorf("the library has %s in it", path)
		}
	}
}

// TestImports holds every package to its lines, and every package in the tree to
// having one.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`,
		module+"hsm/...", module+"fips/...", module+"slots/...", module+"cmd/...", module+"pkcs11", module+"pkcs11/rig").Output()
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
			if !mayImport(name, allowed, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// mayImport holds one import of a package against its lines; own is that of
// Coffer's packages.
func mayImport(name string, own []string, path string) bool {
	if rest, is := strings.CutPrefix(path, module); is {
		return allows(own, rest)
	}
	first, _, _ := strings.Cut(path, "/")
	if strings.Contains(first, ".") {
		return allows(outside[name], path)
	}
	return !slices.Contains(without[name], first)
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
