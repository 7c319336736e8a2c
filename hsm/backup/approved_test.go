package backup

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/backup/approved"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal/share"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// pemKey makes a pair on P-256.
func pemKey(t testing.TB) ([]approved.Recipient, []approved.Identity) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	to, err := approved.ParseRecipients(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	if err != nil {
		t.Fatal(err)
	}
	by, err := approved.ParseIdentities(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	if err != nil {
		t.Fatal(err)
	}
	return to, by
}

// Increments may be in another envelope than what they go on from, in any order.
func TestMixedEnvelopes(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1", "k2")
	by := key(t)
	to, own := pemKey(t)
	age, fips := Options{To: Recipients{by.Recipient()}}, Options{Approved: true, ToApproved: to}
	for n, order := range [][]Options{{age, fips, age}, {fips, age, fips}} {
		var paths []string
		since := ""
		for i, o := range order {
			k := login(t, m, slot)
			k.create(t, fmt.Sprint("more", n, i))
			k.logout()
			since = saveFor(t, m, o, since, slot)
			paths = append(paths, since)
		}
		c, err := OpenChain(paths)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Verify(); !errors.Is(err, ErrKey) {
			t.Errorf("with no key at all: %v", err)
		}
		c.Keys = Identities{by}
		if err := c.Verify(); !errors.Is(err, ErrKey) {
			t.Errorf("with the key of one envelope: %v", err)
		}
		c.Approved = own
		if err := c.Verify(); err != nil {
			t.Fatal(err)
		}
		other := openHome(t, newHome(t))
		list := restore(t, c, other, Restoring{})
		if got, want := look(t, other, list[0].At), look(t, m, slot); !got.same(want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// An envelope is for recipients of its own kind, and the contents say which it is.
func TestEnvelope(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1")
	to, by := pemKey(t)
	for _, o := range []Options{
		{Approved: true, To: Recipients{key(t).Recipient()}},
		{ToApproved: to},
		{Approved: true, To: Recipients{key(t).Recipient()}, ToApproved: to},
		{Approved: true},
	} {
		if _, err := Create(io.Discard, m, []ck.SlotID{slot}, o); err == nil {
			t.Errorf("made for %v", o)
		}
	}
	path := saveFor(t, m, Options{Approved: true, ToApproved: to}, "", slot)
	if c, err := ReadContents(path); err != nil || !c.Approved {
		t.Error(c, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(text, magic)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadContents(path); !errors.Is(err, ErrDamaged) {
		t.Errorf("of the other version: %v", err)
	}
	_, other := pemKey(t)
	path = saveFor(t, m, Options{Approved: true, ToApproved: to}, "", slot)
	for want, keys := range map[error][]approved.Identity{nil: by, ErrKey: other} {
		c, err := OpenChain([]string{path})
		if err != nil {
			t.Fatal(err)
		}
		c.Approved = keys
		if err := c.Verify(); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// Custodians open one of version 2 as they do one of version 1.
func TestApprovedCustodians(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1")
	custodians, shares, err := Deal(2, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer custodians.Zero()
	path := saveFor(t, m, Options{Approved: true, Custodians: custodians}, "", slot)
	c, err := OpenChain([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	known, ok, err := c.Contents().Known()
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	gathered := share.Collect(known)
	for _, s := range shares[:2] {
		if err := gathered.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	key, err := gathered.Key()
	if err != nil {
		t.Fatal(err)
	}
	c.Approved = []approved.Identity{ApprovedCustodians(secret.New(32))}
	if err := c.Verify(); !errors.Is(err, ErrKey) {
		t.Errorf("another key: %v", err)
	}
	c.Approved = []approved.Identity{ApprovedCustodians(key)}
	if err := c.Verify(); err != nil {
		t.Error(err)
	}
}

// onlyChild makes a backup of each kind of the partition in slot 1 of a home and verifies
// it, in a process that refuses what is not approved. A backup of age is neither made nor
// read.
func onlyChild(args []string) error {
	if !fips140.Enforced() {
		return errors.New("not in approved mode")
	}
	home, aged := args[0], args[1]
	m, err := hsm.Open(config(home))
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := Create(io.Discard, m, []ck.SlotID{1}, Options{To: make(Recipients, 1)}); !errors.Is(err, ErrNotApproved) {
		return fmt.Errorf("age: %v", err)
	}
	c, err := OpenChain([]string{aged})
	if err != nil {
		return err
	}
	if err := c.Verify(); !errors.Is(err, ErrNotApproved) || errors.Is(err, ErrDamaged) {
		return fmt.Errorf("what age has sealed: %v", err)
	}
	recipients, err := readWith(filepath.Join("testdata", "version2.pub"), approved.ParseRecipients)
	if err != nil {
		return err
	}
	identities, err := readWith(filepath.Join("testdata", "version2.pem"), approved.ParseIdentities)
	if err != nil {
		return err
	}
	pass, err := approved.ToPassphrase(secret.From([]byte("correct horse")))
	if err != nil {
		return err
	}
	to := append(recipients, pass)
	path := filepath.Join(filepath.Dir(home), "only.backup")
	err = WriteFile(path, func(w io.Writer) error {
		_, err := Create(w, m, []ck.SlotID{1}, Options{Approved: true, ToApproved: to})
		return err
	})
	if err != nil {
		return err
	}
	for _, by := range [][]approved.Identity{identities, {pass}} {
		c, err := OpenChain([]string{path})
		if err != nil {
			return err
		}
		c.Approved = by
		if err := c.Verify(); err != nil {
			return err
		}
		if _, err := c.Restore(m, Restoring{}); err != nil {
			return err
		}
	}
	return nil
}

func readWith[K any](path string, parse func([]byte) ([]K, error)) ([]K, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

// With GODEBUG=fips140=only backups are made and restored, and age's are refused by name.
func TestApprovedOnly(t *testing.T) {
	c := newHome(t)
	m := openHome(t, c)
	slot := newPartition(t, m, "a", "k1", "k2")
	aged := save(t, m, key(t), "", slot)
	want := look(t, m, slot)
	cmd := storetest.Child("only", c.Home, aged)
	cmd.Env = append(cmd.Environ(), "GODEBUG=fips140=only")
	cmd.Stderr = nil
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	again := openHome(t, c)
	for at := slot; at <= slot+2; at++ {
		if got := look(t, again, at); !got.same(want) {
			t.Errorf("slot %d: %v, want %v", at, got, want)
		}
	}
}
