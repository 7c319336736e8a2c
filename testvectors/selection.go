package testvectors

import (
	"fmt"
	"os"
	"slices"

	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

// soak is that all tests are asked for, however long they take.
var soak = os.Getenv("COFFER_SOAK") != ""

// selection makes a file of Wycheproof's form of the cases of others, each of which is a
// group of its own.
type selection struct {
	file *wycheproof.File
	left *Tally // what has no form in PKCS #11
	// of so many cases one is put to the module
	every, seen int
}

// sparse is of how many tests one is run where it is usually one of so many.
func sparse(every int) int {
	switch {
	case soak:
		return 1
	case inMode != nil:
		return every * modeEvery
	}
	return every
}

// thin takes out of a file, which is usually run whole, what sparse leaves out.
func thin(f *wycheproof.File) { thinBy(f, sparse(1)) }

// thinBy leaves the first of so many tests.
func thinBy(f *wycheproof.File, every int) {
	seen := 0
	f.Total = 0
	for i := range f.Groups {
		g := &f.Groups[i]
		g.Tests = slices.DeleteFunc(g.Tests, func(wycheproof.Case) bool { seen++; return (seen-1)%every != 0 })
		f.Total += len(g.Tests)
	}
	f.Groups = slices.DeleteFunc(f.Groups, func(g wycheproof.Group) bool { return len(g.Tests) == 0 })
}

// newSelection is for cases of which the first of so many is taken.
func newSelection(name, algorithm string, every int) *selection {
	every = sparse(every)
	if every > 1 {
		name += fmt.Sprintf(", each %dth", every)
	}
	return &selection{file: &wycheproof.File{Name: name, Algorithm: algorithm}, left: &Tally{}, every: every}
}

// add takes a case, or passes it over. convert makes a group of it or says why there is
// none; it is called only if the case is taken.
func (s *selection) add(where string, convert func() (g *wycheproof.Group, whyNot string)) {
	if s.seen++; (s.seen-1)%s.every != 0 {
		return
	}
	s.file.Total++
	g, whyNot := convert()
	if whyNot != "" {
		s.left.skip(whyNot)
		return
	}
	g.Tests[0].ID, g.Tests[0].Comment = s.file.Total, where
	s.file.Groups = append(s.file.Groups, *g)
}
