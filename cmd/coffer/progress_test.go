package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestDrawBar(t *testing.T) {
	for _, c := range []struct {
		done, total int
		full        int
		end         string
	}{
		{0, 10, 0, "]   0%, 0 of 10"},
		{5, 10, 15, "]  50%, 5 of 10"},
		{10, 10, 30, "] 100%, 10 of 10"},
		{12, 10, 30, "] 100%, 10 of 10"},
		{-1, 0, 0, "]   0%, 0 of 1"},
		{1, 100_000, 0, "]   0%, 1 of 100000"},
	} {
		got := drawBar("work", c.done, c.total)
		want := "work [" + strings.Repeat("#", c.full) + strings.Repeat(".", 30-c.full) + c.end
		if got != want {
			t.Errorf("%d of %d: %s", c.done, c.total, got)
		}
	}
}

// A bar is drawn at a terminal, after a while, not too often, and wiped away.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	hidden := (&tool{err: &out}).progress("work")
	hidden.next = time.Time{}
	hidden.set(1, 2)
	hidden.end()
	quick := &progressBar{w: &out, what: "work", next: time.Now().Add(time.Hour)}
	quick.set(1, 2)
	quick.end()
	if out.Len() != 0 {
		t.Errorf("shown: %q", out.String())
	}
	seen := &progressBar{w: &out, what: "work"}
	seen.set(1, 2)
	seen.set(2, 2)
	seen.end()
	seen.end()
	if got := out.String(); strings.Count(got, "work") != 1 || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("shown: %q", got)
	}
}
