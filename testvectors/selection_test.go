package testvectors

import (
	"testing"

	"github.com/coffer-hsm/coffer/testvectors/wycheproof"
)

func TestSelection(t *testing.T) {
	if soak || inMode != nil {
		return // takes others
	}
	s := newSelection("name", "", 3)
	var taken []int
	for i := range 10 {
		s.add("where", func() (*wycheproof.Group, string) {
			taken = append(taken, i)
			if i == 3 {
				return nil, "no form"
			}
			return &wycheproof.Group{Tests: make([]wycheproof.Case, 1)}, ""
		})
	}
	if len(taken) != 4 || taken[1] != 3 || s.file.Total != 4 || len(s.file.Groups) != 3 || s.left.Cases() != 1 {
		t.Errorf("%v were taken: %+v", taken, s.file)
	}
	if c := s.file.Groups[2].Tests[0]; c.ID != 4 || c.Comment != "where" || s.file.Name != "name, each 3th" {
		t.Errorf("%+v of %q", c, s.file.Name)
	}
}

func TestThin(t *testing.T) {
	f := &wycheproof.File{Total: 45}
	for _, n := range []int{15, 0, 4, 1, 25} {
		f.Groups = append(f.Groups, wycheproof.Group{Tests: make([]wycheproof.Case, n)})
	}
	thinBy(f, 20)
	if f.Total != 3 || len(f.Groups) != 2 || len(f.Groups[1].Tests) != 2 {
		t.Errorf("%d tests in %d groups", f.Total, len(f.Groups))
	}
	if thinBy(f, 1); f.Total != 3 {
		t.Errorf("%d tests are left of 3", f.Total)
	}
}
