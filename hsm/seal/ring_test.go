package seal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newRing has a copy for each method, of a root key of its own.
func newRing(t *testing.T) (Ring, string) {
	t.Helper()
	dir := t.TempDir()
	root := testRoot(t)
	r := Ring{
		KeyFiles: []string{filepath.Join(dir, "root.key")},
		Slots:    Slots(filepath.Join(dir, "seals")),
		Methods:  Methods{KindKeyFile: KeyFiles{}, KindCredential: Credentials(filepath.Join(dir, "credentials"))},
		Holders:  Holders(inMemory(t)),
	}
	os.Mkdir(filepath.Join(dir, "credentials"), 0o700)
	if err := root.WriteKeyFile(r.KeyFiles[0]); err != nil {
		t.Fatal(err)
	}
	file, err := NewKeyFile(filepath.Join(dir, "stick.key"))
	if err != nil {
		t.Fatal(err)
	}
	credential, err := NewCredential(filepath.Join(dir, "credentials", CredentialName))
	if err != nil {
		t.Fatal(err)
	}
	pass, err := NewPassphrase(word("correct horse"), cheapStretching)
	if err != nil {
		t.Fatal(err)
	}
	for name, with := range map[string]*Sealer{"stick": file, "unit": credential, "person": pass} {
		s, err := NewSlot(name, root, with)
		if err == nil {
			err = r.Slots.Add(s)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Hold(r.Holders, root, time.Minute); err != nil {
		t.Fatal(err)
	}
	return r, fingerprintOf(t, root)
}

// One way after the other is taken away; the rest still opens it, and at the end the
// error names them all.
func TestRing(t *testing.T) {
	r, print := newRing(t)
	dir := filepath.Dir(r.KeyFiles[0])
	for _, step := range []struct {
		by   string
		take func() error
	}{
		{"root.key", func() error { return os.Remove(r.KeyFiles[0]) }},
		{"keyring", func() error { return Release(r.Holders, print) }},
		{"stick", func() error { return os.Rename(filepath.Join(dir, "stick.key"), filepath.Join(dir, "away")) }},
		{"unit", func() error { return os.Remove(filepath.Join(dir, "credentials", CredentialName)) }},
	} {
		root, by, err := r.Open(print)
		if err != nil || !strings.Contains(by, step.by) || fingerprintOf(t, root) != print {
			t.Fatalf("%s: %q, %v", step.by, by, err)
		}
		if err := step.take(); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := r.Open(print)
	var failed *NotOpened
	if !errors.As(err, &failed) || !failed.Attended || !errors.Is(err, ErrAttended) || !errors.Is(err, ErrNotHeld) || !errors.Is(err, ErrKeyFileMissing) {
		t.Fatal(err)
	}
	for _, name := range []string{"root.key", "keyring", "stick.key", "person", CredentialName, print} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}

// What is damaged does not stand in the way of what is not.
func TestRingPassesOverDamage(t *testing.T) {
	r, print := newRing(t)
	Release(r.Holders, print)
	for _, path := range []string{r.KeyFiles[0], r.Slots.Path(print, "stick")} {
		if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, by, err := r.Open(print); err != nil || !strings.Contains(by, "unit") {
		t.Errorf("%q, %v", by, err)
	}
}

// Key files of another home, held or sealed, are not taken for the right one.
func TestRingSwapped(t *testing.T) {
	r, print := newRing(t)
	Release(r.Holders, print)
	other, otherPrint := newRing(t)
	if err := os.Rename(other.KeyFiles[0], r.KeyFiles[0]); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stick", "unit", "person"} {
		if err := os.Rename(other.Slots.Path(otherPrint, name), r.Slots.Path(print, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Holders[0].Hold(print, randomKey(), time.Minute); err != nil { // somebody plants a key
		t.Fatal(err)
	}
	_, _, err := r.Open(print)
	var failed *NotOpened
	if !errors.As(err, &failed) || len(failed.Tried) != 6 {
		t.Fatal(err)
	}
	for _, a := range failed.Tried {
		if !errors.Is(a.Err, ErrSlotMoved) && !errors.Is(a.Err, ErrNotHeld) {
			t.Errorf("%s: %v", a.By, a.Err)
		}
	}
}

func TestCredentialErrors(t *testing.T) {
	s := &Slot{Kind: KindCredential}
	dir := t.TempDir()
	if _, err := Credentials("").Key(s); err == nil || !strings.Contains(err.Error(), "CREDENTIALS_DIRECTORY") {
		t.Error(err)
	}
	if _, err := Credentials(dir).Key(s); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	// systemd before version 252 leaves them readable for root and, by an access list,
	// for the user of the service: the mode then shows the bits of a group.
	path := filepath.Join(dir, CredentialName)
	if _, err := NewCredential(path); err != nil {
		t.Fatal(err)
	}
	os.Chmod(path, 0o440)
	if _, err := Credentials(dir).Key(s); err != nil {
		t.Error(err)
	}
	if _, err := NewCredential(path); !errors.Is(err, ErrKeyFileExists) {
		t.Error(err)
	}
	os.WriteFile(path, []byte("coffer root key, version 1\n"), 0o600)
	if _, err := Credentials(dir).Key(s); !errors.Is(err, ErrKeyFileForeign) {
		t.Error(err)
	}
}

// The key of a key file that is there is used: one stick for several homes.
func TestNewKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	a, err := NewKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewKeyFile(path)
	if err != nil || string(a.Key.Expose()) != string(b.Key.Expose()) {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewKeyFile(path); !errors.Is(err, ErrKeyFileForeign) {
		t.Error(err)
	}
}
