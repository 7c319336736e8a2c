package testvectors

import (
	"fmt"
	"strings"
	"testing"
)

// counts is the counts of t in the order of the verdicts.
func counts(t *Tally) string { return strings.Trim(fmt.Sprint(t.counts), "[]") }

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		name  string
		count func(*Tally)
		total int
		ok    bool
	}{
		{"nothing", func(*Tally) {}, 0, false},
		{"too few", func(t *Tally) { t.add(passed) }, 2, false},
		{"too many", func(t *Tally) { t.add(passed); t.add(passed) }, 1, false},
		{"none run", func(t *Tally) { t.skip("no form") }, 1, false},
		{"all run", func(t *Tally) { t.add(passed) }, 1, true},
		{"some run", func(t *Tally) { t.add(passed); t.skip("no form") }, 2, true},
		{"one wrong", func(t *Tally) { t.add(wrong, "why") }, 1, true}, // which is told by itself
	} {
		tally := &Tally{Name: tt.name}
		tt.count(tally)
		if err := tally.Complete(tt.total); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	var tally Tally
	for range maxMessages + 5 {
		tally.add(refused, "a", "b")
	}
	if len(tally.Messages) != maxMessages || tally.Faults() != maxMessages+5 || tally.Messages[0] != "a; b" {
		t.Errorf("%d messages of %d wrong answers: %q", len(tally.Messages), tally.Faults(), tally.Messages[0])
	}
}

func TestSummary(t *testing.T) {
	a, b := &Tally{Name: "a"}, &Tally{Name: "b"}
	a.add(passed)
	a.add(wrong, "why")
	b.skip("second")
	b.skip("first")
	b.skip("first")
	got := strings.TrimPrefix(Summary([]*Tally{b, a}), header)
	const want = "| a | 2 | 1 | 0 | 0 | 0 | 1 | |\n" +
		"| b | 3 | 0 | 3 | 0 | 0 | 0 | 2 first, 1 second |\n" +
		"| **2 files** | 5 | 1 | 3 | 0 | 0 | 1 | |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
