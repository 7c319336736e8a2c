package backup

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// named are the errors that a file which is not whole may end in.
var named = []error{ErrForeign, ErrNewer, ErrDamaged, ErrKey, ErrIncrement}

// TestDamage changes a backup in every way: it is refused by name, and what is there
// stays as it is.
func TestDamage(t *testing.T) {
	by := key(t)
	t.Run("age", func(t *testing.T) {
		testDamage(t, Options{To: Recipients{by.Recipient()}}, func(c *Chain) { c.Keys = Identities{by} })
	})
	to, own := pemKey(t)
	t.Run("approved", func(t *testing.T) {
		testDamage(t, Options{Approved: true, ToApproved: to}, func(c *Chain) { c.Approved = own })
	})
}

func testDamage(t *testing.T, o Options, open func(*Chain)) {
	from := openHome(t, newHome(t))
	slot := newPartition(t, from, "a", "k1")
	path := saveFor(t, from, o, "", slot)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	config := newHome(t)
	to := openHome(t, config)
	newPartition(t, to, "b", "k2")
	before := tree(t, config.Home)
	bad := filepath.Join(t.TempDir(), "bad")
	n := 0
	try := func(what string, text []byte) {
		t.Helper()
		if err := os.WriteFile(bad, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := OpenChain([]string{bad})
		if err == nil {
			open(c)
			err = c.Verify()
		}
		if !slices.ContainsFunc(named, func(known error) bool { return errors.Is(err, known) }) {
			t.Errorf("%s: %v", what, err)
		}
		if n++; n%50 != 0 || c == nil {
			return
		}
		if _, err := c.Restore(to, Restoring{}); err == nil {
			t.Errorf("%s: restored", what)
		}
		if !maps.Equal(tree(t, config.Home), before) {
			t.Fatalf("%s: the home was changed", what)
		}
	}
	for size := 0; size < len(good); size += max(64, len(good)/60) {
		try(fmt.Sprintf("cut at %d of %d", size, len(good)), good[:size])
	}
	try("one byte short", good[:len(good)-1])
	try("one byte more", append(bytes.Clone(good), 0))
	try("twice", append(bytes.Clone(good), good...))
	for i := 0; i < len(good); i++ {
		if i > 1000 {
			i += max(6, len(good)/300)
		}
		if i >= len(good) {
			break
		}
		text := bytes.Clone(good)
		text[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("byte %d of %d", i, len(good)), text)
	}
	for text, want := range map[string]error{
		"coffer-backup 3\n": ErrNewer, "coffer-backup 99999\n{}": ErrNewer, "coffer-backup 01\n": ErrForeign,
		"coffer-backup": ErrDamaged, "": ErrDamaged, "text": ErrForeign, "a text without an end of its line in its first bytes": ErrForeign,
		"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00": ErrForeign, "coffer-backup 1\n{}\n": ErrDamaged,
		"coffer-backup 2\n{}\n": ErrDamaged, "coffer-backup 2": ErrDamaged,
		"coffer-backup 1\n" + string(bytes.Repeat([]byte("x"), maxContents+1)): ErrDamaged,
	} {
		os.WriteFile(bad, []byte(text), 0o600)
		if _, err := ReadContents(bad); !errors.Is(err, want) {
			t.Errorf("%.20q: %v, want %v", text, err, want)
		}
	}
}

// A partition that is damaged is not backed up, as if all were well.
func TestDamagedPartition(t *testing.T) {
	config := newHome(t)
	m := openHome(t, config)
	slot := newPartition(t, m, "a", "k1", "k2")
	path := filepath.Join(config.Home, "partitions", "1", "store.db")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k := login(t, m, slot)
	ids, err := k.AppendFound(nil, k.user, ck.Template{ck.String(ck.CKA_LABEL, "k1")})
	if err != nil || len(ids) != 2 {
		t.Fatal(len(ids), err)
	}
	for at := 0; ; at++ { // in every copy of the record that there is
		i := bytes.Index(data[at:], ids[0][:])
		if i < 0 {
			break
		}
		at += i
		if end := at + 16 + 60; end < len(data) {
			data[end] ^= 1
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*hsm.Module{m, openHome(t, config)} {
		if _, err := Create(&bytes.Buffer{}, m, []ck.SlotID{slot}, Options{To: Recipients{key(t).Recipient()}}); err == nil {
			t.Error("backed up")
		}
	}
}

// spoil damages the store of the partition in slot 1.
func spoil(t *testing.T, home string) {
	t.Helper()
	path := filepath.Join(home, "partitions", "1", "store.db")
	if err := os.WriteFile(path, []byte("spoilt"), 0o600); err != nil {
		t.Fatal(err)
	}
}
