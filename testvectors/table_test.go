package testvectors

import (
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// TestEveryFileIsDecided makes sure that no file of the pinned module is passed
// over, and that every row of the tables is about some file.
func TestEveryFileIsDecided(t *testing.T) {
	names, err := wycheproof.Names()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, name := range names {
		var excluding, running []string
		for _, e := range exclusions {
			if matches(e.pattern, name) {
				excluding = append(excluding, e.pattern)
			}
		}
		for _, r := range runs {
			if len(excluding) == 0 && matches(r.pattern, name) {
				running = append(running, r.pattern)
				break
			}
		}
		both := append(excluding, running...)
		if len(both) != 1 {
			t.Errorf("%s is decided by %q, not by one row", name, both)
		}
		for _, pattern := range both {
			used[pattern] = true
		}
	}
	for _, r := range runs {
		if !used[r.pattern] {
			t.Errorf("%s runs no file", r.pattern)
		}
	}
	for _, e := range exclusions {
		if !used[e.pattern] {
			t.Errorf("%s excludes no file", e.pattern)
		}
		if e.reason == "" || e.reason == noMechanism && e.until == 0 {
			t.Errorf("%s: no reason, or no mechanism to it", e.pattern)
		}
	}
}

// TestExclusionsHold makes sure that no mechanism of ours waits for its vectors.
func TestExclusionsHold(t *testing.T) {
	if foreign {
		return // says nothing about another module
	}
	for _, text := range Outdated(token) {
		t.Error(text)
	}
}
