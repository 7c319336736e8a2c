package testvectors

import (
	"os"
	"sync"
	"testing"
)

// TestCAVP runs every file of the table. With -v it prints the summary of README.md.
func TestCAVP(t *testing.T) {
	var (
		mu      sync.Mutex
		tallies []*Tally
	)
	t.Run("files", func(t *testing.T) {
		for i := range cavpRuns {
			row := &cavpRuns[i]
			t.Run(row.pattern, func(t *testing.T) {
				t.Parallel()
				tally := runCAVP(t, row)
				mu.Lock()
				defer mu.Unlock()
				tallies = append(tallies, tally)
			})
		}
	})
	if len(tallies) == 0 {
		t.Fatal("no file was run")
	}
	summary := Summary(tallies)
	t.Logf("\n%s", summary)
	if all := len(tallies) == len(cavpRuns); all && !foreign && os.Getenv("COFFER_SOAK") == "" {
		compareReadme(t, "CAVP", summary)
	}
}

func runCAVP(t *testing.T, row *cavpRun) *Tally {
	file, left, err := row.load()
	if err != nil {
		t.Fatal(err)
	}
	tally, err := Run(token, foreign, file, row.run)
	if err != nil {
		t.Fatal(err)
	}
	tally.Add(left)
	report(t, tally, file.Total)
	return tally
}
