package testvectors

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the summary of this run into README.md")

// The summary in README.md is between these lines.
const (
	readme = "README.md"
	begin  = "<!-- summary -->\n"
	end    = "<!-- end of summary -->\n"
)

// compareReadme makes sure that README.md has the summary of this run, so that
// what it tells is what happens.
func compareReadme(t *testing.T, summary string) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	old, after, ok2 := bytes.Cut(rest, []byte(end))
	switch {
	case !ok || !ok2:
		t.Fatalf("%s has no place for the summary", readme)
	case string(old) == summary:
	case *rewrite:
		if err := os.WriteFile(readme, []byte(strings.Join([]string{string(before), begin, summary, end, string(after)}, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the summary in %s is not that of this run: see go test -rewrite", readme)
	}
}
