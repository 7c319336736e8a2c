package service

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the line of the package: it knows keys and bytes, and none of
// those who keep and serve them.
func TestImports(t *testing.T) {
	const module = "github.com/coffer-hsm/coffer/"
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"fips", "hsm/api", "hsm/ck", "hsm/object", "hsm/secret", "hsm/service"}
	for _, path := range strings.Fields(string(out)) {
		own, ok := strings.CutPrefix(path, module)
		if ok && !slices.Contains(allowed, own) && !strings.HasPrefix(own, "hsm/crypto/") {
			t.Errorf("imports %s", path)
		}
	}
}
