package testvectors

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
)

// verdict is what became of a test. Of several trials the worst counts.
type verdict int

const (
	passed        verdict = iota
	notApplicable         // it was not put to the module
	oddCode               // rightly refused, but by a code that does not tell of the input
	refused               // a right input was refused
	wrong                 // a wrong input was accepted, or the answer had a wrong value
	verdicts
)

// maxMessages is how many faults of a file are told in full.
const maxMessages = 20

// Tally counts what became of the tests of one file.
type Tally struct {
	Name    string
	counts  [verdicts]int
	reasons map[string]int // of those not applicable
	// answered and byMode are how often the module has answered with a mechanism, and has
	// refused it in the mode it is in.
	answered, byMode map[ck.MechanismType]int
	Messages         []string // about the first faults
}

// add counts a test, with what there is to say about it.
func (t *Tally) add(v verdict, messages ...string) {
	t.counts[v]++
	if len(messages) > 0 && len(t.Messages) < maxMessages {
		t.Messages = append(t.Messages, strings.Join(messages, "; "))
	}
}

func (t *Tally) skip(reason string) {
	t.add(notApplicable)
	if t.reasons == nil {
		t.reasons = map[string]int{}
	}
	t.reasons[reason]++
}

// answer counts an answer with a mechanism, or a refusal by the mode.
func (t *Tally) answer(m ck.MechanismType, byMode bool) {
	counts := &t.answered
	if byMode {
		counts = &t.byMode
	}
	if *counts == nil {
		*counts = map[ck.MechanismType]int{}
	}
	(*counts)[m]++
}

// Add counts those of another tally too.
func (t *Tally) Add(other *Tally) {
	for v, n := range other.counts {
		t.counts[v] += n
	}
	t.reasons = plus(t.reasons, other.reasons)
	t.answered, t.byMode = plus(t.answered, other.answered), plus(t.byMode, other.byMode)
	t.Messages = append(t.Messages, other.Messages...)
}

// plus adds counts to counts, which may be nil.
func plus[K comparable](to, more map[K]int) map[K]int {
	if to == nil {
		to = map[K]int{}
	}
	for k, n := range more {
		to[k] += n
	}
	return to
}

// Cases is how many tests were counted.
func (t *Tally) Cases() (n int) {
	for _, c := range t.counts {
		n += c
	}
	return n
}

// Faults is how many tests found a fault.
func (t *Tally) Faults() int { return t.Cases() - t.counts[passed] - t.counts[notApplicable] }

// Complete returns an error unless exactly total tests were counted and at least
// one of them was put to the module, which in a mode need not be.
func (t *Tally) Complete(total int) error {
	switch n := t.Cases(); {
	case n != total:
		return fmt.Errorf("%s: %d tests counted of %d", t.Name, n, total)
	case n == t.counts[notApplicable] && inMode == nil:
		return fmt.Errorf("%s: no test was run: %s", t.Name, t.why())
	}
	return nil
}

// why lists the reasons for which tests were not applicable.
func (t *Tally) why() string {
	var list []string
	for _, reason := range slices.Sorted(maps.Keys(t.reasons)) {
		list = append(list, fmt.Sprintf("%d %s", t.reasons[reason], reason))
	}
	return strings.Join(list, ", ")
}

// header is the summary's first lines, in Markdown like its rows.
const header = "| file | tests | passed | not applicable | odd code | refused | wrong | why not applicable |\n" +
	"|---|--:|--:|--:|--:|--:|--:|---|\n"

// row is a line of the summary.
func (t *Tally) row() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %d |", t.Name, t.Cases())
	for _, n := range t.counts {
		fmt.Fprintf(&b, " %d |", n)
	}
	if len(t.reasons) > 0 {
		b.WriteString(" " + t.why())
	}
	b.WriteString(" |\n")
	return b.String()
}

// Summary is the table of all files, in order, with a last row for the sum.
func Summary(tallies []*Tally) string {
	slices.SortFunc(tallies, func(a, b *Tally) int { return strings.Compare(a.Name, b.Name) })
	sum := Tally{Name: fmt.Sprintf("**%d files**", len(tallies))}
	var b strings.Builder
	b.WriteString(header)
	for _, t := range tallies {
		b.WriteString(t.row())
		for v, n := range t.counts {
			sum.counts[v] += n
		}
	}
	b.WriteString(sum.row())
	return b.String()
}
