package testvectors

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the summary of this run into README.md")

const readme = "README.md"

// usual is that all tests are run that are counted in README.md, and on our own module.
func usual() bool { return !foreign && !soak && inMode == nil }

// compareReadme makes sure that README.md has the summary of this run between the two
// lines of that name, so that what it tells is what happens.
func compareReadme(t *testing.T, name, summary string) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	old, after, ok2 := bytes.Cut(rest, []byte(end))
	switch {
	case !ok || !ok2:
		t.Fatalf("%s has no place for %s", readme, name)
	case string(old) == summary:
	case *rewrite:
		if err := os.WriteFile(readme, []byte(strings.Join([]string{string(before), begin, summary, end, string(after)}, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s in %s is not that of this run: see go test -rewrite", name, readme)
	}
}
