package share

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

var someRoot = [8]byte{1, 2, 3, 4, 5, 6, 7, 8}

func deal(t testing.TB, needed, total int) (*secret.Bytes, []*Share) {
	t.Helper()
	key, shares, err := Deal(RootKey, someRoot, needed, total)
	if err != nil {
		t.Fatal(err)
	}
	return key, shares
}

// What was dealt is printed, read again, and gives the key.
func TestDealPrintJoin(t *testing.T) {
	for _, c := range [][2]int{{2, 2}, {2, 3}, {3, 5}, {255, 255}} {
		key, shares := deal(t, c[0], c[1])
		for name, k := range map[string]Known{"known": KnownOf(shares), "unknown": {}} {
			col := Collect(k)
			for col.Missing() > 0 {
				s, err := Parse(shares[len(shares)-1-len(col.shares)].Text("a note", "another: 1").Expose())
				if err != nil {
					t.Fatal(err)
				}
				if err := col.Add(s); err != nil {
					t.Fatal(err)
				}
			}
			got, err := col.Key()
			if err != nil || !bytes.Equal(got.Expose(), key.Expose()) {
				t.Errorf("%v, set %s: %v", c, name, err)
			}
			if col.Set() != shares[0].Set {
				t.Errorf("%v: set %v", c, col.Set())
			}
			col.Zero()
		}
	}
}

func TestDealRefuses(t *testing.T) {
	for _, c := range []struct {
		use           Use
		needed, total int
	}{{RootKey, 1, 3}, {RootKey, 0, 0}, {RootKey, 4, 3}, {RootKey, 2, 256}, {RootKey, -1, 3}, {0, 2, 3}, {9, 2, 3}} {
		if _, _, err := Deal(c.use, someRoot, c.needed, c.total); !errors.Is(err, ErrCount) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Each share that does not belong is named.
func TestCollectionRefuses(t *testing.T) {
	_, shares := deal(t, 3, 5)
	_, others := deal(t, 3, 5)
	changed := func(f func(*Share)) *Share {
		s := &Share{Set: shares[1].Set, Number: 2, value: shares[1].value.Clone()}
		f(s)
		return s
	}
	col := Collect(KnownOf(shares))
	if err := col.Add(shares[0]); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		s    *Share
		want error
	}{
		"another use":   {changed(func(s *Share) { s.Use = Backup }), ErrUse},
		"another root":  {changed(func(s *Share) { s.Of[0]++ }), ErrOf},
		"another set":   {others[1], ErrSet},
		"another needs": {changed(func(s *Share) { s.Needed-- }), ErrSet},
		"twice":         {shares[0], ErrTwice},
		"forged":        {changed(func(s *Share) { s.value.Expose()[0] ^= 1 }), ErrForged},
		"renumbered":    {changed(func(s *Share) { s.Number = 3 }), ErrForged},
	} {
		if err := col.Add(c.s); !errors.Is(err, c.want) || !strings.Contains(err.Error(), fmt.Sprintf("share %d", c.s.Number)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if col.Missing() != 2 {
		t.Errorf("%d are missing", col.Missing())
	}
	if _, err := col.Key(); !errors.Is(err, ErrTooFew) || !strings.Contains(err.Error(), "1 of at least 3") {
		t.Errorf("too few: %v", err)
	}
}

// Without checks a forgery shows when the shares are joined, and the key is not given.
func TestForgedWithoutChecks(t *testing.T) {
	_, shares := deal(t, 2, 3)
	col := Collect(Known{})
	shares[2].value.Expose()[31] ^= 0x80
	for _, s := range shares[1:] {
		if err := col.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	if key, err := col.Key(); !errors.Is(err, ErrNotGenuine) || key != nil {
		t.Errorf("%v", err)
	}
}

func TestCheckIsOfTheWholeShare(t *testing.T) {
	_, shares := deal(t, 2, 3)
	seen := map[[CheckSize]byte]bool{}
	for _, s := range shares {
		seen[s.Check()] = true
	}
	moved := *shares[0]
	moved.Of[7]++
	seen[moved.Check()] = true
	if len(seen) != 4 {
		t.Errorf("%d checks of 4 shares", len(seen))
	}
}

// What a Share prints as is not its value.
func TestNotPrinted(t *testing.T) {
	_, shares := deal(t, 2, 3)
	value := fmt.Sprintf("%x", shares[0].value.Expose())
	if text := fmt.Sprintf("%v %+v %#v %s", shares[0], shares[0], *shares[0], shares[0]); strings.Contains(text, value) {
		t.Error(text)
	}
}
