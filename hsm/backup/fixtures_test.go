package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

const (
	soPIN   = "so-pin-1"
	userPIN = "user-pin-1"
)

// config is that of a home in dir where PINs cost little.
func config(dir string) hsm.Config {
	return hsm.Config{Home: dir, ConfigFile: dir + ".toml"}
}

// newHome makes an empty home.
func newHome(t testing.TB) hsm.Config {
	t.Helper()
	c := config(filepath.Join(t.TempDir(), "home"))
	fast := "[pin]\ndelay = 0\nargon2-passes = 1\nargon2-memory-kib = 64\n"
	if err := os.WriteFile(c.ConfigFile, []byte(fast), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func openHome(t testing.TB, c hsm.Config) *hsm.Module {
	t.Helper()
	m, err := hsm.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// newPartition makes a partition with some keys.
func newPartition(t testing.TB, m *hsm.Module, label string, keys ...string) ck.SlotID {
	t.Helper()
	slot, err := m.Create(label, []byte(soPIN), []byte(userPIN))
	if err != nil {
		t.Fatal(err)
	}
	k := login(t, m, slot)
	defer k.logout()
	for _, label := range keys {
		k.create(t, label)
	}
	return slot
}

// token is a partition whose user is logged in.
type token struct {
	api.Partition
	user api.Caller
}

func partitionIn(m *hsm.Module, slot ck.SlotID) api.Partition {
	for _, s := range m.Slots() {
		if s.ID == slot {
			return s.Partition
		}
	}
	return nil
}

func login(t testing.TB, m *hsm.Module, slot ck.SlotID) *token {
	t.Helper()
	p := partitionIn(m, slot)
	id, err := p.Login(ck.CKU_USER, []byte(userPIN))
	if err != nil {
		t.Fatal(err)
	}
	return &token{p, api.Caller{Identity: id, Session: 1, ReadWrite: true}}
}

func (k *token) logout() { k.Logout(k.user.Identity) }

func (k *token) create(t testing.TB, label string) {
	t.Helper()
	if err := k.tryCreate(label); err != nil {
		t.Fatal(err)
	}
}

// tryCreate makes a private key, and a public object that goes with it.
func (k *token) tryCreate(label string) error {
	_, err := k.GenerateKey(k.user, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN}, ck.Template{
		ck.Ulong(ck.CKA_VALUE_LEN, uint64(32)), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_ENCRYPT, true),
		ck.String(ck.CKA_LABEL, label),
	})
	if err == nil {
		_, err = k.CreateObject(k.user, ck.Template{
			ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_PRIVATE, false),
			ck.String(ck.CKA_LABEL, label), ck.String(ck.CKA_VALUE, "of "+label),
		})
	}
	return err
}

func (k *token) destroy(t testing.TB, label string) {
	t.Helper()
	ids, err := k.AppendFound(nil, k.user, ck.Template{ck.String(ck.CKA_LABEL, label)})
	if err == nil && len(ids) == 0 {
		err = errors.New("nothing is called " + label)
	}
	for _, id := range ids {
		err = errors.Join(err, k.DestroyObject(k.user, id))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// change sets attributes of the key with a label.
func (k *token) change(t testing.TB, label string, to ...ck.Attribute) {
	t.Helper()
	ids, err := k.AppendFound(nil, k.user, ck.Template{ck.String(ck.CKA_LABEL, label), ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)})
	if err != nil || len(ids) != 1 {
		t.Fatalf("%d keys are called %s: %v", len(ids), label, err)
	}
	if err := k.SetAttributes(k.user, ids[0], to); err != nil {
		t.Fatal(err)
	}
}

// world is what a partition holds: keys by label, told apart by what they encrypt zeros to.
type world map[string]string

func (w world) same(o world) bool { return maps.Equal(w, o) }

func (k *token) world() (world, error) {
	w := world{}
	ids, err := k.AppendFound(nil, k.user, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		label := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_LABEL}}}
		if err := k.Attributes(k.user, id, label); err != nil {
			return nil, err
		}
		op, err := k.Encrypt(k.user, &ck.Mechanism{Type: ck.CKM_AES_ECB}, id)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 16)
		_, err = op.OneShot(out, make([]byte, 16))
		op.Close()
		if err != nil {
			return nil, err
		}
		w[string(label[0].Value)] = fmt.Sprintf("%x", out)
	}
	data, err := k.AppendFound(nil, k.user, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA)})
	if err == nil && len(data) != len(w) {
		err = fmt.Errorf("%d keys and %d data objects", len(w), len(data))
	}
	return w, err
}

// look logs in and looks.
func look(t testing.TB, m *hsm.Module, slot ck.SlotID) world {
	t.Helper()
	k := login(t, m, slot)
	defer k.logout()
	w, err := k.world()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// key is an identity for all tests: to make one costs nothing, a passphrase a second.
func key(t testing.TB) *age.X25519Identity {
	t.Helper()
	i, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// save makes a backup of slots at a new path.
func save(t testing.TB, m *hsm.Module, to *age.X25519Identity, since string, slots ...ck.SlotID) string {
	t.Helper()
	return saveFor(t, m, Options{To: []age.Recipient{to.Recipient()}}, since, slots...)
}

// saveFor makes a backup that is sealed as o says.
func saveFor(t testing.TB, m *hsm.Module, o Options, since string, slots ...ck.SlotID) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup")
	if since != "" {
		base, err := ReadContents(since)
		if err != nil {
			t.Fatal(err)
		}
		o.Since = base
	}
	err := WriteFile(path, func(w io.Writer) error {
		_, err := Create(w, m, slots, o)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func chain(t testing.TB, by *age.X25519Identity, paths ...string) *Chain {
	t.Helper()
	c, err := OpenChain(paths)
	if err != nil {
		t.Fatal(err)
	}
	c.Keys = Identities{by}
	return c
}

// restore restores and says where to.
func restore(t testing.TB, c *Chain, m *hsm.Module, o Restoring) []*hsm.Restored {
	t.Helper()
	list, err := c.Restore(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// tree is all that a directory holds, but for what belongs to a lock.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "store.lock" {
			if err == nil && d.IsDir() {
				all[path] = ""
			}
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(bytes.Clone(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
