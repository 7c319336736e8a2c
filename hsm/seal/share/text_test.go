package share

import (
	"bytes"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// fixedShare is the same for ever: what version 1 has printed opens for ever.
func fixedShare() *Share {
	value := secret.New(KeySize)
	for i := range value.Expose() {
		value.Expose()[i] = byte(7 * i)
	}
	return &Share{Set: Set{RootKey, someRoot, [8]byte{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7}, 3, 5}, Number: 2, value: value}
}

const fixedText = `coffer share, version 1
share 2 of set a0a1a2a3a4a5a6a7: any 3 of 5 shares open the root key 0102030405060708
for Alice
1: 040G 40R4 0M30 E250 M6HA 75PG
2: MJJT D9R3 0M10 01RE 2ME2 7QNM
3: 58RK GFT6 9NA5 PRK9 E1VQ XMCM
4: GP69 76N1 N2QV DFE4 SF9D K7ND
`

func TestTextIsFixed(t *testing.T) {
	if got := string(fixedShare().Text("for Alice").Expose()); got != fixedText {
		t.Errorf("printed\n%s", got)
	}
	s, err := Parse([]byte(fixedText))
	if err != nil || s.Set != fixedShare().Set || s.Number != 2 || !bytes.Equal(s.value.Expose(), fixedShare().value.Expose()) {
		t.Errorf("%+v, %v", s, err)
	}
}

// The letters are those of Crockford's base 32, as the standard library writes them.
func TestBase32(t *testing.T) {
	want := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
	src := make([]byte, 320)
	for i := range src {
		src[i] = byte(i * i)
	}
	got := make([]byte, 512)
	encode(got, src)
	if string(got) != want.EncodeToString(src) {
		t.Errorf("%s", got)
	}
	back := make([]byte, 320)
	if !decode(back, bytes.ToLower(got)) || !bytes.Equal(back, src) {
		t.Error("not read again")
	}
	for c := range 256 {
		v, ok := digit(byte(c))
		upper := strings.ToUpper(string(rune(c)))
		upper = strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(upper)
		i := strings.Index("0123456789ABCDEFGHJKMNPQRSTVWXYZ", upper)
		if c > 127 {
			i = -1
		}
		if (i >= 0) != (ok == 1) || ok == 1 && int(v) != i {
			t.Errorf("%#x: %d, %d", c, v, ok)
		}
	}
}

// lines are those of fixedText that are typed.
func lines() []string {
	all := strings.Split(strings.TrimSpace(fixedText), "\n")
	return all[len(all)-LineCount:]
}

// People type as they like.
func TestTyped(t *testing.T) {
	sloppy := strings.NewReplacer("0", "o", "1", "l", " ", "-")
	for name, form := range map[string]func(string) string{
		"as printed":     func(s string) string { return s },
		"without number": func(s string) string { return s[3:] },
		"no spaces":      func(s string) string { return strings.ReplaceAll(s[3:], " ", "") + "\r\n" },
		"small":          strings.ToLower,
		"sloppy":         func(s string) string { return "  " + sloppy.Replace(s[3:]) },
	} {
		var r Reader
		for i, line := range lines() {
			if r.Next() != i+1 {
				t.Errorf("%s: next is %d", name, r.Next())
			}
			if err := r.Add([]byte(form(line))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if s, err := r.Share(); err != nil || s.Number != 2 || r.Next() != 0 {
			t.Errorf("%s: %v", name, err)
		}
		if r.Add([]byte(lines()[0])) == nil {
			t.Errorf("%s: a fifth line", name)
		}
		r.Zero()
	}
}

// Each letter that is mistyped shows, in its line, and the line can be typed again.
func TestMistyped(t *testing.T) {
	for n, line := range lines() {
		for at := 3; at < len(line); at++ {
			if line[at] == ' ' {
				continue
			}
			b := []byte(line)
			b[at] = "Z0"[b2i(b[at] == 'Z')]
			var r Reader
			for _, before := range lines()[:n] {
				r.Add([]byte(before))
			}
			err := r.Add(b)
			if b[at] == line[at] {
				continue
			}
			if !errors.Is(err, ErrLine) || !strings.Contains(err.Error(), "line "+string(rune('1'+n))) {
				t.Errorf("line %d, letter %d: %v", n+1, at, err)
			}
			if err := r.Add([]byte(line)); err != nil {
				t.Errorf("line %d, typed again: %v", n+1, err)
			}
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestParseRefuses(t *testing.T) {
	l := lines()
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":          {"", ErrForeign},
		"prose":          {"dear all\n", ErrForeign},
		"cut off":        {strings.Join(l[:3], "\n"), ErrForeign},
		"short line":     {l[0][:20], ErrLine},
		"long line":      {l[0] + "A", ErrLine},
		"out of order":   {strings.Join([]string{l[0], "2" + l[2][1:], l[2], l[3]}, "\n"), ErrLine},
		"no letter":      {strings.Replace(l[0], l[0][3:4], "U", 1), ErrLine},
		"a later use":    {printed(func(b []byte) { b[0] = 3 }), ErrNewer},
		"needs one":      {printed(func(b []byte) { b[17] = 1 }), ErrForeign},
		"needs too many": {printed(func(b []byte) { b[17] = 6 }), ErrForeign},
		"number 0":       {printed(func(b []byte) { b[19] = 0 }), ErrForeign},
		"number 6":       {printed(func(b []byte) { b[19] = 6 }), ErrForeign},
	} {
		if s, err := Parse([]byte(c.text)); !errors.Is(err, c.want) || s != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// printed is the fixed share with other bytes, and the checks right.
func printed(change func([]byte)) string {
	b := append(fixedShare().head(), fixedShare().value.Expose()...)
	change(b)
	var text []byte
	for i := range LineCount {
		text = appendLine(text, b, i)
	}
	return string(text)
}

// FuzzParse: what is read is written as it was, and nothing makes it fall.
func FuzzParse(f *testing.F) {
	f.Add([]byte(fixedText))
	f.Add([]byte("1: 0000\n2: 0000"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.Text().Expose())
		if err != nil || again.Set != s.Set || again.Number != s.Number || hex.EncodeToString(again.value.Expose()) != hex.EncodeToString(s.value.Expose()) {
			t.Fatalf("%v: %+v, %+v", err, s, again)
		}
	})
}
