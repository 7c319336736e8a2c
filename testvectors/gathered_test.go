package testvectors

import (
	"sync"
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// gathered is what files that run side by side have counted.
type gathered struct {
	mu      sync.Mutex
	tallies []*Tally
}

// overall is what all the tests of this process have counted.
var overall Tally

// run runs a file as a parallel test of the name.
func (g *gathered) run(t *testing.T, name string, count func(*testing.T) *Tally) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		tally := count(t)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.tallies = append(g.tallies, tally)
	})
}

// summary logs the table of all that was counted, once all have ended.
func (g *gathered) summary(t *testing.T) ([]*Tally, string) {
	t.Helper()
	if len(g.tallies) == 0 {
		t.Fatal("no file was run")
	}
	summary := Summary(g.tallies)
	for _, tally := range g.tallies {
		overall.Add(tally)
	}
	t.Logf("\n%s", summary)
	return g.tallies, summary
}

// run puts what was selected to the module.
func (s *selection) run(t *testing.T, run func(*runner, *wycheproof.Group)) *Tally {
	t.Helper()
	tally, err := Run(token, foreign, s.file, run)
	if err != nil {
		t.Fatal(err)
	}
	tally.Add(s.left)
	report(t, tally, s.file.Total)
	return tally
}
