package testvectors

import "testing"

// TestCAVP runs every file of the table. With -v it prints the summary of README.md.
func TestCAVP(t *testing.T) {
	var all gathered
	t.Run("files", func(t *testing.T) {
		for i := range cavpRuns {
			row := &cavpRuns[i]
			all.run(t, row.pattern, func(t *testing.T) *Tally { return runCAVP(t, row) })
		}
	})
	tallies, summary := all.summary(t)
	if len(tallies) == len(cavpRuns) && usual() {
		compareReadme(t, "CAVP", summary)
	}
}

func runCAVP(t *testing.T, row *cavpRun) *Tally {
	s, err := row.load()
	if err != nil {
		t.Fatal(err)
	}
	return s.run(t, row.run)
}
