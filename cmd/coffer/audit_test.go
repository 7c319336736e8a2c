package main

import (
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"":                          {},
		"90m":                       now.Add(-90 * time.Minute),
		"2026-01-02":                time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		"2026-01-02T03:04:05+01:00": time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC),
	} {
		if got, err := moment(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"-5m", "yesterday", "2026-02-30", "12"} {
		if got, err := moment(s, now); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// TestRecordText: no name that somebody chose moves the cursor or breaks the line.
func TestRecordText(t *testing.T) {
	var b strings.Builder
	print := textRecords(&b)
	r := audit.Record{Program: "evil\x1b[2J", Who: "a\nb", Act: audit.Login, Result: "CKR_OK", Detail: "c\rd", Count: 3}
	if err := print(&r); err != nil {
		t.Fatal(err)
	}
	if strings.Count(b.String(), "\n") != 2 || strings.ContainsAny(b.String(), "\x1b\r") || !strings.Contains(b.String(), "3 times") {
		t.Errorf("%q", b.String())
	}
}
