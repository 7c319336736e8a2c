package testvectors

import (
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/acvp"
)

// TestACVP runs every set of the table. With -v it prints the summary of README.md.
func TestACVP(t *testing.T) {
	keys, err := acvp.Keys()
	if err != nil {
		t.Fatal(err)
	}
	var all gathered
	files := 0
	t.Run("sets", func(t *testing.T) {
		for i := range acvpRuns {
			row := &acvpRuns[i]
			for _, key := range keys {
				if matches(row.pattern, key) {
					files++
					all.run(t, key+row.kind, func(t *testing.T) *Tally { return runACVP(t, row, key) })
				}
			}
		}
	})
	tallies, summary := all.summary(t)
	if len(tallies) == files && usual() {
		compareReadme(t, "ACVP", summary)
	}
}

func runACVP(t *testing.T, row *acvpRun, key string) *Tally {
	s, err := row.load(key)
	if err != nil {
		t.Fatal(err)
	}
	return s.run(t, row.run)
}

// TestEverySetIsDecided makes sure that each test of each set is run by one row, or that
// its set is excluded, and that every row is about some set.
func TestEverySetIsDecided(t *testing.T) {
	keys, err := acvp.Keys()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, key := range keys {
		deciding := 0
		for _, e := range acvpExclusions {
			if matches(e.pattern, key) {
				used[e.pattern] = true
				deciding++
			}
		}
		if deciding == 0 {
			runsEach(t, key, used)
		} else if deciding > 1 || rowsOf(key) != nil {
			t.Errorf("%s is decided more than once", key)
		}
	}
	for _, row := range acvpRuns {
		if !used[row.pattern+row.kind] {
			t.Errorf("%s %s runs no test", row.pattern, row.kind)
		}
	}
	for _, e := range acvpExclusions {
		if !used[e.pattern] || e.reason == "" || e.reason == noMechanism && e.until == 0 {
			t.Errorf("%s excludes no set, or has no reason", e.pattern)
		}
	}
}

func rowsOf(key string) (rows []*acvpRun) {
	for i := range acvpRuns {
		if matches(acvpRuns[i].pattern, key) {
			rows = append(rows, &acvpRuns[i])
		}
	}
	return rows
}

// runsEach makes sure that each test of a set is run by one row.
func runsEach(t *testing.T, key string, used map[string]bool) {
	t.Helper()
	cases, err := acvp.Load(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		taken := 0
		for _, row := range rowsOf(key) {
			if row.takes(c) {
				used[row.pattern+row.kind] = true
				taken++
			}
		}
		if taken != 1 {
			t.Errorf("%s is run by %d rows", c.Where, taken)
		}
	}
}
