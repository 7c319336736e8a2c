package testvectors

import (
	"fmt"
	"os"

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

// newSelection is for cases of which one in so many is taken, but all with COFFER_SOAK.
func newSelection(name, algorithm string, every int) *selection {
	if soak {
		every = 1
	}
	if every > 1 {
		name += fmt.Sprintf(", each %dth", every)
	}
	return &selection{file: &wycheproof.File{Name: name, Algorithm: algorithm}, left: &Tally{}, every: every}
}

// add takes a case, or passes it over. convert makes a group of it or says why there is
// none; it is called only if the case is taken.
func (s *selection) add(where string, convert func() (g *wycheproof.Group, whyNot string)) {
	if s.seen++; s.seen%s.every != 0 {
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
