package backup

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal/share"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// A whole home comes back in another one, under that one's root key: keys, PINs, and
// slots that were free.
func TestAnotherHome(t *testing.T) {
	from := openHome(t, newHome(t))
	a := newPartition(t, from, "a", "k1", "k2", "k3")
	b := newPartition(t, from, "b", "k4")
	by := key(t)
	path := save(t, from, by, "", a, b)
	c := chain(t, by, path)
	if err := c.Verify(); err != nil {
		t.Fatal(err)
	}
	config := newHome(t)
	to := openHome(t, config)
	list := restore(t, c, to, Restoring{})
	if len(list) != 2 || list[0].At != a || list[1].At != b {
		t.Fatalf("restored to %v", list)
	}
	again := openHome(t, config)
	for _, m := range []*hsm.Module{to, again} {
		for _, slot := range []ck.SlotID{a, b} {
			if got, want := look(t, m, slot), look(t, from, slot); !got.same(want) {
				t.Errorf("slot %d: %v, want %v", slot, got, want)
			}
		}
	}
	k := login(t, again, a)
	k.create(t, "later")
	if w := look(t, to, a); len(w) != 4 {
		t.Errorf("what another process wrote to the restored partition is not seen: %v", w)
	}
	if _, err := from.Create("c", []byte(soPIN), nil); err != nil {
		t.Error(err)
	}
}

// Increments say what changed; together they are the newest state, and each of them is
// a point in time.
func TestIncrements(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1", "k2", "k3", "k4")
	by := key(t)
	var paths []string
	var worlds []world
	step := func(change func(*token)) {
		k := login(t, m, slot)
		change(k)
		k.logout()
		since := ""
		if len(paths) > 0 {
			since = paths[len(paths)-1]
		}
		paths = append(paths, save(t, m, by, since, slot))
		worlds = append(worlds, look(t, m, slot))
	}
	step(func(*token) {})
	step(func(k *token) { k.create(t, "k5"); k.destroy(t, "k1") })
	step(func(*token) {})
	step(func(k *token) { k.destroy(t, "k5"); k.destroy(t, "k2"); k.create(t, "k6") })
	for i := range paths {
		c := chain(t, by, paths[:i+1]...)
		if err := c.Verify(); err != nil {
			t.Fatal(err)
		}
		to := openHome(t, newHome(t))
		list := restore(t, c, to, Restoring{})
		if got := look(t, to, list[0].At); !got.same(worlds[i]) {
			t.Errorf("%d files: %v, want %v", i+1, got, worlds[i])
		}
	}
	full, _ := os.Stat(paths[0])
	increment, _ := os.Stat(paths[2])
	if increment.Size() > full.Size()-1000 {
		t.Errorf("an increment without changes has %d bytes, the full backup %d", increment.Size(), full.Size())
	}
}

// Where the log does not tell what changed, an increment has all; it stands alone.
func TestIncrementThatIsFull(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1", "k2")
	by := key(t)
	first := save(t, m, by, "", slot)
	if err := m.InitToken(slot, []byte(soPIN), "anew"); err != nil {
		t.Fatal(err)
	}
	second := newPartition(t, m, "b", "k3")
	path := save(t, m, by, first, slot, second)
	for _, p := range chain(t, by, first, path).Contents().Partitions {
		if p.Since != 0 {
			t.Errorf("%s is told to go on from generation %d", p.Label, p.Since)
		}
	}
	c := chain(t, by, first, path)
	to := openHome(t, newHome(t))
	list := restore(t, c, to, Restoring{})
	if w := look(t, to, list[1].At); len(w) != 1 {
		t.Error(w)
	}
	if n := partitionIn(to, list[0].At).Info().Objects; n != 0 {
		t.Errorf("%d objects in the partition that was initialised anew", n)
	}
}

// After a restore, increments begin anew: the chain of before belongs to what was lost.
func TestIncrementAfterRestore(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1")
	by := key(t)
	first := save(t, m, by, "", slot)
	to := openHome(t, newHome(t))
	list := restore(t, chain(t, by, first), to, Restoring{})
	path := save(t, to, by, first, list[0].At)
	if c := chain(t, by, first, path); c.Contents().Partitions[0].Since != 0 {
		t.Error("goes on from a backup of another epoch")
	}
}

// A chain that lacks a link, or has its links in another order, is refused by name.
func TestLinks(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1")
	by := key(t)
	full := save(t, m, by, "", slot)
	k := login(t, m, slot)
	k.create(t, "k2")
	one := save(t, m, by, full, slot)
	k.create(t, "k3")
	two := save(t, m, by, one, slot)
	other := save(t, m, by, "", slot)
	for _, row := range []struct {
		paths []string
		err   error
	}{
		{[]string{full, one, two}, nil},
		{[]string{one}, ErrIncrement},
		{[]string{one, two}, ErrIncrement},
		{[]string{full, two}, ErrLink},
		{[]string{full, two, one}, ErrOrder},
		{[]string{one, full}, ErrOrder},
		{[]string{full, full}, ErrOrder},
		{[]string{other, one}, ErrLink},
		{[]string{full, other}, ErrOrder},
		{nil, ErrIncrement},
	} {
		_, err := OpenChain(row.paths)
		if !errors.Is(err, row.err) {
			t.Errorf("%d files: %v, want %v", len(row.paths), err, row.err)
		}
	}
}

// A link that lies about what it is does not pass either.
func TestForgedLink(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1")
	by := key(t)
	full := save(t, m, by, "", slot)
	login(t, m, slot).create(t, "k2")
	other := save(t, m, by, full, slot)
	text, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := ReadContents(other)
	forged := strings.Replace(string(text), c.ID, strings.Repeat("0", 32), 1)
	if err := os.WriteFile(other, []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := chain(t, by, full, other).Verify(); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// A passphrase opens what was made for it, and nothing else does.
func TestPassphrase(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1")
	pass := func(s string) *secret.Bytes { return secret.From([]byte(s)) }
	to, err := ToPassphrase(pass("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	to[0].(*age.ScryptRecipient).SetWorkFactor(10)
	path := filepath.Join(t.TempDir(), "backup")
	err = WriteFile(path, func(w io.Writer) error {
		_, err := Create(w, m, []ck.SlotID{slot}, Options{To: to})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]error{"correct horse": nil, "correct house": ErrKey} {
		by, err := ByPassphrase(pass(word))
		if err != nil {
			t.Fatal(err)
		}
		c, err := OpenChain([]string{path})
		if err != nil {
			t.Fatal(err)
		}
		c.Keys = by
		if err := c.Verify(); !errors.Is(err, want) {
			t.Errorf("%q: %v", word, err)
		}
	}
	if err := chain(t, key(t), path).Verify(); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if _, err := ToPassphrase(pass("short")); err == nil {
		t.Error("a short passphrase is taken")
	}
}

// A backup is never written over, and half of one is not left.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "backup")
	text := func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }
	if err := WriteFile(path, func(w io.Writer) error { text(w); return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	if left := tree(t, dir); len(left) != 1 {
		t.Error(left)
	}
	if err := WriteFile(path, text); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, text); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 4 {
		t.Error(info, err)
	}
}

// A backup that is made for two is opened by either.
func TestTwoRecipients(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1")
	a, b := key(t), key(t)
	path := filepath.Join(t.TempDir(), "backup")
	err := WriteFile(path, func(w io.Writer) error {
		_, err := Create(w, m, []ck.SlotID{slot}, Options{To: Recipients{a.Recipient(), b.Recipient()}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []*age.X25519Identity{a, b} {
		if err := chain(t, by, path).Verify(); err != nil {
			t.Error(err)
		}
	}
}

// So many custodians open a backup, and no other one.
func TestCustodians(t *testing.T) {
	m := openHome(t, newHome(t))
	slot := newPartition(t, m, "a", "k1")
	deal := func() (string, []*share.Share) {
		custodians, shares, err := Deal(2, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer custodians.Zero()
		path := filepath.Join(t.TempDir(), "backup")
		err = WriteFile(path, func(w io.Writer) error {
			_, err := Create(w, m, []ck.SlotID{slot}, Options{Custodians: custodians})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return path, shares
	}
	path, shares := deal()
	other, _ := deal()
	contents, err := ReadContents(path)
	if err != nil {
		t.Fatal(err)
	}
	known, ok, err := contents.Known()
	if err != nil || !ok || known.Needed != 2 || known.Total != 3 {
		t.Fatal(known, ok, err)
	}
	gathered := share.Collect(known)
	for _, s := range shares[1:] {
		if err := gathered.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	key, err := gathered.Key()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{path: nil, other: ErrKey} {
		c, err := OpenChain([]string{path})
		if err != nil {
			t.Fatal(err)
		}
		c.Keys = ByCustodians(key)
		if err := c.Verify(); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if _, _, err := Deal(1, 3); !errors.Is(err, share.ErrCount) {
		t.Error(err)
	}
	if _, err := Create(io.Discard, m, []ck.SlotID{slot}, Options{}); err == nil {
		t.Error("made for nobody")
	}
}
