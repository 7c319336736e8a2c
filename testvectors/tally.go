package testvectors

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxWrong is how many wrong answers of a file are told in full.
const maxWrong = 20

// Tally counts what became of the tests of one file.
type Tally struct {
	Name                                string
	Cases, Passed, NotApplicable, Wrong int
	Reasons                             map[string]int // of those not applicable
	Messages                            []string       // about the first wrong answers
}

func (t *Tally) pass() { t.Cases, t.Passed = t.Cases+1, t.Passed+1 }

func (t *Tally) skip(reason string) {
	t.Cases, t.NotApplicable = t.Cases+1, t.NotApplicable+1
	if t.Reasons == nil {
		t.Reasons = map[string]int{}
	}
	t.Reasons[reason]++
}

// fail counts one test, however many messages there are.
func (t *Tally) fail(messages ...string) {
	t.Cases, t.Wrong = t.Cases+1, t.Wrong+1
	if len(t.Messages) < maxWrong {
		t.Messages = append(t.Messages, strings.Join(messages, "; "))
	}
}

// Complete returns an error unless exactly total tests were counted and at least
// one of them was put to the module.
func (t *Tally) Complete(total int) error {
	switch {
	case t.Cases != total:
		return fmt.Errorf("%s: %d tests counted of %d", t.Name, t.Cases, total)
	case t.Cases == t.NotApplicable:
		return fmt.Errorf("%s: no test was run: %s", t.Name, t.reasons())
	}
	return nil
}

// Row is the line of the summary: file, tests, passed, not applicable, wrong.
func (t *Tally) Row() string {
	row := fmt.Sprintf("| %s | %d | %d | %d | %d |", t.Name, t.Cases, t.Passed, t.NotApplicable, t.Wrong)
	if len(t.Reasons) == 0 {
		return row + " |"
	}
	return row + " " + t.reasons() + " |"
}

func (t *Tally) reasons() string {
	var list []string
	for _, reason := range slices.Sorted(maps.Keys(t.Reasons)) {
		list = append(list, fmt.Sprintf("%d %s", t.Reasons[reason], reason))
	}
	return strings.Join(list, ", ")
}

// header is the summary's first lines, in Markdown like its rows.
const header = "| file | tests | passed | not applicable | wrong | why not applicable |\n|---|--:|--:|--:|--:|---|"

// Summary is the table of all files, in order, with a last row for the sum.
func Summary(tallies []*Tally) string {
	slices.SortFunc(tallies, func(a, b *Tally) int { return strings.Compare(a.Name, b.Name) })
	sum := Tally{Name: fmt.Sprintf("**%d files**", len(tallies))}
	var b strings.Builder
	b.WriteString(header + "\n")
	for _, t := range tallies {
		b.WriteString(t.Row() + "\n")
		sum.Cases += t.Cases
		sum.Passed += t.Passed
		sum.NotApplicable += t.NotApplicable
		sum.Wrong += t.Wrong
	}
	b.WriteString(sum.Row() + "\n")
	return b.String()
}
