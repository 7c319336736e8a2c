package main

import "testing"

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"web":             "web",
		"Schlüssel 1":     "Schlüssel 1",
		"a\x1b[31mred":    `"a\x1b[31mred"`,
		"two\nlines":      `"two\nlines"`,
		"tab\tbed":        `"tab\tbed"`,
		"not\xffutf8":     `"not\xffutf8"`,
		"right\u202eleft": `"right\u202eleft"`,
	} {
		if got := plain(in); got != want {
			t.Errorf("%q is shown as %s, want %s", in, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine("a\n  b\tc "); got != "a b c" {
		t.Errorf("got %q", got)
	}
}
