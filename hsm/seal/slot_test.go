package seal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// fixedRoot is a root key of one byte.
func fixedRoot(b byte) *Root { return &Root{secret.From(bytes.Repeat([]byte{b}, KeySize))} }

func fingerprintOf(t testing.TB, r *Root) string {
	t.Helper()
	print, err := r.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	return print
}

// newSlots is a directory with one copy, called "one", of fixedRoot(1), and its key.
func newSlots(t testing.TB) (Slots, *Slot, *Sealer) {
	t.Helper()
	d := Slots(filepath.Join(t.TempDir(), "seals"))
	with := &Sealer{"test", map[string]string{"b": "two words", "a": "1"}, randomKey()}
	s, err := NewSlot("one", fixedRoot(1), with)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Add(s); err != nil {
		t.Fatal(err)
	}
	return d, s, with
}

func TestSlot(t *testing.T) {
	d, s, with := newSlots(t)
	got, err := d.Get(s.Root, "one")
	if err != nil || got.Name != "one" || got.Kind != "test" || len(got.Params) != 2 || got.Params["b"] != "two words" {
		t.Fatalf("%+v, %v", got, err)
	}
	root, err := got.Open(with.Key)
	if err != nil || fingerprintOf(t, root) != s.Root {
		t.Fatal(err)
	}
	if _, err := got.Open(randomKey()); !errors.Is(err, ErrSlotKey) {
		t.Errorf("another key: %v", err)
	}
	info, _ := os.Stat(d.Path(s.Root, "one"))
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	text, _ := os.ReadFile(d.Path(s.Root, "one"))
	if bytes.Contains(text, []byte("0101010101")) {
		t.Error("the root key is in the file")
	}
}

// The form of the file stays as it is: this one was written by the first version.
func TestSlotKnown(t *testing.T) {
	text := "coffer sealed root key, version 1\nname ops\nkind passphrase\nroot d5708afef89c9984\n" +
		"with kdf pbkdf2-sha512 210000\nwith salt " + strings.Repeat("ab", 32) + "\n" +
		"sealed de0d0bfad3ec1b18549b3d23e0b24b6a249f57e5e68d4b505a27d75256284d2d860f457df491088719103293f7a98ddddcc371b7279c4eb8d369b78d\n" +
		"check bca1b4ff7f236e048023e70a80094725\n"
	s, err := parseSlot([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	key, err := PassphraseKey(s, secret.From([]byte("correct horse")))
	if err != nil {
		t.Fatal(err)
	}
	root, err := s.Open(key)
	if err != nil || !bytes.Equal(root.key.Expose(), bytes.Repeat([]byte{7}, KeySize)) {
		t.Fatal(err)
	}
}

func TestSlotErrors(t *testing.T) {
	d, s, _ := newSlots(t)
	path := d.Path(s.Root, "one")
	good, _ := os.ReadFile(path)
	other, _ := NewSlot("one", fixedRoot(2), &Sealer{"test", nil, randomKey()})
	named, _ := NewSlot("two", fixedRoot(1), &Sealer{"test", nil, randomKey()})
	for _, c := range []struct {
		what string
		text []byte
		mode os.FileMode
		uid  int
		want error
	}{
		{"empty", nil, 0o600, 0, ErrSlotForeign},
		{"foreign", []byte("LUKS\xba\xbe"), 0o600, 0, ErrSlotForeign},
		{"a key file", []byte("coffer root key, version 1\n"), 0o600, 0, ErrSlotForeign},
		{"newer", []byte("coffer sealed root key, version 2\nfoo\n"), 0o600, 0, ErrSlotNewer},
		{"another home's", other.format(), 0o600, 0, ErrSlotMoved},
		{"another name's", named.format(), 0o600, 0, ErrSlotMoved},
		{"longer", append(bytes.Clone(good), '\n'), 0o600, 0, ErrSlotDamaged},
		{"much longer", bytes.Repeat(good, 100), 0o600, 0, ErrSlotDamaged},
		{"world-readable", good, 0o644, 0, ErrKeyFilePermission},
		{"foreign owner", good, 0o600, 1234, ErrKeyFilePermission},
		{"as it was", good, 0o600, 0, nil},
	} {
		os.Remove(path)
		if err := os.WriteFile(path, c.text, c.mode); err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, c.mode)
		if c.uid != 0 {
			if err := os.Chown(path, c.uid, -1); err != nil {
				continue // only root can give a file away
			}
		}
		if _, err := d.Get(s.Root, "one"); !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", c.what, err)
		}
		if list, err := d.List(s.Root); err != nil || len(list) != 1 || !errors.Is(list[0].Err, c.want) {
			t.Errorf("%s: list %v, %v", c.what, list, err)
		}
	}
	if _, err := d.Get(s.Root, "none"); !errors.Is(err, ErrSlotMissing) {
		t.Errorf("missing: %v", err)
	}
}

// Whatever byte changes, and wherever the file ends, it is named, and with a check that
// fits, it is what is sealed that does not open.
func TestSlotTampered(t *testing.T) {
	_, s, with := newSlots(t)
	text := s.format()
	for i := range text {
		if _, err := parseSlot(text[:i]); err == nil {
			t.Fatalf("%d bytes of %d are enough", i, len(text))
		}
		for _, flip := range []byte{1, 0x20, 0x80} {
			changed := bytes.Clone(text)
			changed[i] ^= flip
			if _, err := parseSlot(changed); err == nil {
				t.Fatalf("byte %d may change by %#x", i, flip)
			}
		}
	}
	for _, change := range []func(*Slot){
		func(s *Slot) { s.Name = "uno" },
		func(s *Slot) { s.Kind = "best" },
		func(s *Slot) { s.Root = strings.Repeat("0", 16) },
		func(s *Slot) { s.Params["a"] = "2" },
		func(s *Slot) { delete(s.Params, "a") },
		func(s *Slot) { s.sealed[40] ^= 1 },
	} {
		forged, err := parseSlot(text)
		if err != nil {
			t.Fatal(err)
		}
		change(forged)
		if forged, err = parseSlot(forged.format()); err != nil {
			t.Fatal(err)
		}
		if _, err := forged.Open(with.Key); !errors.Is(err, ErrSlotKey) {
			t.Errorf("%+v: %v", forged, err)
		}
	}
}

func TestNewSlotRefuses(t *testing.T) {
	long := strings.Repeat("x", maxSlot)
	for _, c := range []struct {
		name   string
		params map[string]string
	}{
		{"", nil}, {"A", nil}, {"a.b", nil}, {"../a", nil}, {strings.Repeat("a", 33), nil},
		{"a", map[string]string{"a": "x\ny"}}, {"a", map[string]string{"a": ""}}, {"a", map[string]string{"": "x"}},
		{"a", map[string]string{"a": long}},
	} {
		if _, err := NewSlot(c.name, fixedRoot(1), &Sealer{"test", c.params, randomKey()}); !errors.Is(err, ErrSlotName) {
			t.Errorf("%q %.20v: %v", c.name, c.params, err)
		}
	}
	wiped := randomKey()
	wiped.Zero()
	if _, err := NewSlot("a", fixedRoot(1), &Sealer{"test", nil, wiped}); !errors.Is(err, ErrWiped) {
		t.Errorf("wiped: %v", err)
	}
}

func FuzzParseSlot(f *testing.F) {
	_, s, _ := newSlots(f)
	f.Add(s.format())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSlot(b); err == nil && !bytes.Equal(s.format(), b) {
			t.Fatal("a text is read that would not be written")
		}
	})
}

func TestSlotsChange(t *testing.T) {
	d, s, with := newSlots(t)
	left := filepath.Join(string(d), s.Root, newPrefix+"killed")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Add(s); !errors.Is(err, ErrSlotExists) {
		t.Errorf("added twice: %v", err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed process left was not swept up")
	}
	other := &Sealer{"other", nil, randomKey()}
	again, err := NewSlot("one", fixedRoot(1), other)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Replace(again); err != nil {
		t.Fatal(err)
	}
	got, err := d.Get(s.Root, "one")
	if err != nil || got.Kind != "other" {
		t.Fatal(got, err)
	}
	if _, err := got.Open(with.Key); !errors.Is(err, ErrSlotKey) {
		t.Errorf("the old key still opens it: %v", err)
	}
	if err := d.Remove(s.Root, "two"); !errors.Is(err, ErrSlotMissing) {
		t.Errorf("removed what is not there: %v", err)
	}
	if err := d.Remove(s.Root, "one"); err != nil {
		t.Fatal(err)
	}
	if list, err := d.List(s.Root); len(list) != 0 || err != nil {
		t.Error(list, err)
	}
	if roots, err := d.Roots(); len(roots) != 1 || err != nil {
		t.Error(roots, err)
	}
	if err := d.Drop(s.Root); err != nil {
		t.Fatal(err)
	}
	if roots, err := d.Roots(); len(roots) != 0 || err != nil {
		t.Error(roots, err)
	}
	if list, err := Slots(filepath.Join(t.TempDir(), "none")).List(s.Root); list != nil || err != nil {
		t.Error(list, err)
	}
}
