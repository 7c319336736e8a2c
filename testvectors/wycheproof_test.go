package testvectors

import (
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// TestWycheproof runs every file of the table. With -v it prints the summary of
// README.md.
func TestWycheproof(t *testing.T) {
	names, err := wycheproof.Names()
	if err != nil {
		t.Fatal(err)
	}
	var all gathered
	files := 0
	t.Run("files", func(t *testing.T) {
		for _, name := range names {
			if excluded(name) != nil {
				continue
			}
			files++
			all.run(t, name, func(t *testing.T) *Tally { return runFile(t, name) })
		}
	})
	tallies, summary := all.summary(t)
	if len(tallies) == files && usual() {
		compareReadme(t, "summary", summary)
	}
}

func runFile(t *testing.T, name string) *Tally {
	run := runnerOf(name)
	if run == nil {
		t.Fatal("the file is in neither table")
	}
	file, err := wycheproof.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	thin(file)
	tally, err := Run(token, foreign, file, run)
	if err != nil {
		t.Fatal(err)
	}
	report(t, tally, file.Total)
	return tally
}

// report makes an error of each fault, and of tests that were not counted.
func report(t *testing.T, tally *Tally, total int) {
	t.Helper()
	if err := tally.Complete(total); err != nil && !foreign {
		t.Error(err)
	}
	for _, message := range tally.Messages {
		t.Error(message)
	}
	if more := tally.Faults() - len(tally.Messages); more > 0 {
		t.Errorf("and %d more", more)
	}
}
