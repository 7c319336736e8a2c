package hsm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

func passphrase(t *testing.T, text string) *seal.Sealer {
	t.Helper()
	kdf := seal.Stretching{Argon2id: seal.KDF{Time: 1, Memory: 64, Threads: 1}}
	with, err := seal.NewPassphrase(secret.From([]byte(text)), kdf)
	if err != nil {
		t.Fatal(err)
	}
	return with
}

func keyFileSeal(t *testing.T) *seal.Sealer {
	t.Helper()
	with, err := seal.NewKeyFile(filepath.Join(t.TempDir(), "k"))
	if err != nil {
		t.Fatal(err)
	}
	return with
}

func openSeals(t *testing.T, c Config) *Seals {
	t.Helper()
	s, err := OpenSeals(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Lock() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The root key goes from the clear to a passphrase and to a key file elsewhere; the
// partition and its PINs do not notice.
func TestSealsChange(t *testing.T) {
	c := newHome(t, cheapPINs)
	_, err := open(t, c).Create("demo", soPIN, userPIN)
	must(t, err)
	s := openSeals(t, c)
	must(t, s.Add("ops", passphrase(t, "correct horse")))
	if err := s.Add("ops", passphrase(t, "correct horse")); !errors.Is(err, seal.ErrSlotExists) {
		t.Errorf("added twice: %v", err)
	}
	must(t, s.Remove(RootKeyName))
	if _, err := Open(c); err == nil || !strings.Contains(err.Error(), "coffer seal unlock") || !strings.Contains(err.Error(), "ops (passphrase)") {
		t.Fatalf("locked: %v", err)
	}
	if err := s.Add("more", keyFileSeal(t)); err == nil {
		t.Error("added while locked")
	}
	unlock := func(text string) error {
		slot, err := s.Get("ops")
		must(t, err)
		key, err := seal.PassphraseKey(slot, secret.From([]byte(text)))
		must(t, err)
		_, err = s.Unlock("ops", key, time.Minute)
		return err
	}
	if err := unlock("wrong horse"); !errors.Is(err, seal.ErrSlotKey) {
		t.Errorf("wrong passphrase: %v", err)
	}
	must(t, unlock("correct horse"))
	if s.Held() == "" || len(open(t, c).Slots()) != 2 {
		t.Error("unlocked, but it does not open")
	}
	must(t, s.Rekey("ops", passphrase(t, "another horse")))
	must(t, s.Add("stick", keyFileSeal(t)))
	must(t, s.Lock())
	if err := unlock("correct horse"); !errors.Is(err, seal.ErrSlotKey) {
		t.Errorf("the old passphrase: %v", err)
	}
	if m := open(t, c); m.partitions[1].Err() != nil || !strings.Contains(m.Status().Unsealer, "stick (key-file)") {
		t.Errorf("%+v", m.Status())
	}
	must(t, s.AddKeyFile())
	must(t, s.Remove("stick"))
	must(t, s.Remove("ops"))
	open(t, c)
}

// A key file that is lost, or has another key, opens nothing: what does stays.
func TestLostKeyIsNoSeal(t *testing.T) {
	c := newHome(t, "")
	_, err := Init(c)
	must(t, err)
	s := openSeals(t, c)
	stick := filepath.Join(t.TempDir(), "stick.key")
	with, err := seal.NewKeyFile(stick)
	must(t, err)
	must(t, s.Add("stick", with))
	for name, spoil := range map[string]func() error{
		"another key": func() error {
			if err := os.Remove(stick); err != nil {
				return err
			}
			_, err := seal.NewKeyFile(stick)
			return err
		},
		"no key": func() error { return os.Remove(stick) },
	} {
		text, err := os.ReadFile(stick)
		must(t, err)
		must(t, spoil())
		if err := s.Remove(RootKeyName); !errors.Is(err, ErrLastSeal) {
			t.Fatalf("%s in the file that is left: %v", name, err)
		}
		must(t, os.WriteFile(stick, text, 0o600))
	}
	must(t, s.Remove(RootKeyName))
	open(t, c)
}

// Nothing but the last can be removed, and what cannot be read does not count.
func TestLastSealStays(t *testing.T) {
	c := newHome(t, "")
	_, err := Init(c)
	must(t, err)
	s := openSeals(t, c)
	if err := s.Remove(RootKeyName); !errors.Is(err, ErrLastSeal) {
		t.Fatal(err)
	}
	must(t, s.Add("ops", passphrase(t, "correct horse")))
	path := s.home.slots().Path(s.root, "ops")
	good, _ := os.ReadFile(path)
	must(t, os.WriteFile(path, []byte("damaged"), 0o600))
	if err := s.Remove(RootKeyName); !errors.Is(err, ErrLastSeal) {
		t.Fatal("what is left is damaged: ", err)
	}
	if p := open(t, c).Status().Problems; len(p) != 1 || !strings.Contains(p[0], path) {
		t.Errorf("status does not tell: %v", p)
	}
	must(t, os.WriteFile(path, good, 0o600))
	must(t, s.Remove(RootKeyName))
	if err := s.Remove("ops"); !errors.Is(err, ErrLastSeal) {
		t.Fatal(err)
	}
	// A root.key of another home opens nothing here.
	other := newHome(t, "")
	_, err = Init(other)
	must(t, err)
	text, _ := os.ReadFile(filepath.Join(other.Home, rootName))
	must(t, os.WriteFile(filepath.Join(c.Home, rootName), text, 0o600))
	if err := s.Remove("ops"); !errors.Is(err, ErrLastSeal) {
		t.Fatal(err)
	}
	if err := s.Remove("none"); err == nil {
		t.Error("removed what is not there")
	}
}

// A home that is sealed from the start is never in the clear, and one whose making was
// cut off can be made again.
func TestInitSealed(t *testing.T) {
	c := newHome(t, cheapPINs)
	with := keyFileSeal(t)
	h, err := c.open()
	must(t, err)
	_, err = h.makeSealed("stick", seal.GenerateRoot(), with) // cut off before coffer.home is written
	must(t, err)
	if _, err := Init(c); err == nil || !strings.Contains(err.Error(), sealsName) {
		t.Errorf("a key file beside what is sealed: %v", err)
	}
	_, err = InitSealed(c, "stick", with)
	must(t, err)
	if _, err := InitSealed(c, "stick", with); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	_, err = open(t, c).Create("demo", soPIN, userPIN)
	must(t, err)
	s := openSeals(t, c)
	root, err := s.Root()
	must(t, err)
	must(t, root.WriteKeyFile(filepath.Join(t.TempDir(), "k")))
	if s.home.has(rootName) {
		t.Error("there is a root.key")
	}
	stale, err := s.Stale()
	if err != nil || len(stale) != 1 {
		t.Errorf("what was cut off: %v, %v", stale, err)
	}
	must(t, s.Remove(stale[0]))
	open(t, c)
}

// Where a change is cut off, the home opens: with the file that is being made lying
// about, and with the new copy beside the old root.key.
func TestSealsAfterACut(t *testing.T) {
	c := newHome(t, "")
	_, err := Init(c)
	must(t, err)
	s := openSeals(t, c)
	must(t, os.MkdirAll(filepath.Join(c.Home, sealsName, s.root), 0o700))
	left := filepath.Join(c.Home, sealsName, s.root, newPrefix+"1")
	must(t, os.WriteFile(left, []byte("half"), 0o600))
	open(t, c)
	must(t, s.Add("stick", keyFileSeal(t)))
	if _, err := os.Stat(left); err == nil {
		t.Error("left over")
	}
	must(t, os.WriteFile(filepath.Join(c.Home, newPrefix+"2"), []byte("half"), 0o600)) // of root.key
	must(t, s.Remove(RootKeyName))
	must(t, s.AddKeyFile())
	open(t, c)
}

// A change of the root key takes along what opens without a person, and names the rest.
func TestRotateRootReseals(t *testing.T) {
	c := newHome(t, cheapPINs)
	_, err := open(t, c).Create("demo", soPIN, userPIN)
	must(t, err)
	s := openSeals(t, c)
	before := s.Fingerprint()
	must(t, s.Add("ops", passphrase(t, "correct horse")))
	must(t, s.Add("stick", keyFileSeal(t)))
	m := open(t, c)
	must(t, m.RotateRoot(context.Background(), Rotation{}))
	names, err := m.FormerSeals()
	if err != nil || len(names) != 1 || names[0] != "ops" {
		t.Errorf("left are %v, %v", names, err)
	}
	s = openSeals(t, c)
	if s.Fingerprint() == before {
		t.Fatal("nothing has changed")
	}
	must(t, s.Remove(RootKeyName)) // the key file elsewhere opens it
	if m := open(t, c); m.partitions[1].Err() != nil {
		t.Error(m.partitions[1].Err())
	}
	must(t, s.Add("ops", passphrase(t, "correct horse")))
	must(t, s.Remove(before))
	if names, err := open(t, c).FormerSeals(); err != nil || len(names) != 0 {
		t.Errorf("left are %v, %v", names, err)
	}
}
