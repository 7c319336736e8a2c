package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
	"golang.org/x/sys/unix"
)

// What a restore would undo is told, and done only if forced; what it would not undo
// needs no force.
func TestUndoes(t *testing.T) {
	for name, row := range undoable {
		t.Run(name, func(t *testing.T) {
			m := openHome(t, newHome(t))
			by := key(t)
			c := chain(t, by, save(t, m, by, "", newPartition(t, m, "a", "k1", "k2")))
			old := look(t, m, 1)
			row.change(t, m)
			for _, o := range []Restoring{{}, {Replace: 1}} {
				_, err := c.Restore(m, o)
				var undoes *hsm.Undoes
				if errors.As(err, &undoes) != (row.want != "") || row.want == "" && err != nil {
					t.Fatalf("%+v: %v", o, err)
				}
				if err != nil && !strings.Contains(err.Error(), row.want) {
					t.Errorf("%q is not said: %v", row.want, err)
				}
			}
			list := restore(t, c, m, Restoring{Replace: 1, Force: true})
			if got := look(t, m, list[0].At); !got.same(old) {
				t.Errorf("forced: %v, want %v", got, old)
			}
			if said := strings.Join(list[0].Undone, "; "); !strings.Contains(said, row.want) || row.want == "" && said != "" {
				t.Errorf("forced, it says %q, want %q", said, row.want)
			}
		})
	}
}

func lock(t *testing.T, p api.Partition, user ck.UserType) {
	for range 20 {
		if _, err := p.Login(user, []byte("another PIN")); errors.Is(err, ck.CKR_PIN_LOCKED) {
			return
		}
	}
	t.Fatal("not locked")
}

// asSO is a caller who is the SO.
func asSO(t *testing.T, p api.Partition) api.Caller {
	t.Helper()
	id, err := p.Login(ck.CKU_SO, []byte(soPIN))
	if err != nil {
		t.Fatal(err)
	}
	return api.Caller{Identity: id, ReadWrite: true}
}

// undoable are changes, and what is said of them where an older state would come back.
var undoable = map[string]struct {
	change func(*testing.T, *hsm.Module)
	want   string // empty: nothing is undone
}{
	"nothing": {func(*testing.T, *hsm.Module) {}, ""},
	"new key": {func(t *testing.T, m *hsm.Module) { login(t, m, 1).create(t, "k9") }, ""},
	"destroyed": {func(t *testing.T, m *hsm.Module) { login(t, m, 1).destroy(t, "k1") },
		"objects that were destroyed since would be back: 2"},
	"made sensitive": {func(t *testing.T, m *hsm.Module) {
		login(t, m, 1).change(t, "k1", ck.Bool(ck.CKA_COPYABLE, false), ck.Bool(ck.CKA_WRAP_WITH_TRUSTED, true))
		login(t, m, 1).change(t, "k1", ck.Bool(ck.CKA_COPYABLE, false))
	}, "objects that were made sensitive, not extractable or the like since would not be so: 1"},
	"changed": {func(t *testing.T, m *hsm.Module) { login(t, m, 1).change(t, "k1", ck.Bool(ck.CKA_DERIVE, false)) }, ""},
	"tried": {func(t *testing.T, m *hsm.Module) { partitionIn(m, 1).Login(ck.CKU_USER, []byte("another PIN")) },
		"wrong tries of the PIN of the user would be forgotten: 1"},
	"user locked": {func(t *testing.T, m *hsm.Module) { lock(t, partitionIn(m, 1), ck.CKU_USER) },
		"the PIN of the user, which is locked, would be unlocked"},
	"SO locked": {func(t *testing.T, m *hsm.Module) { lock(t, partitionIn(m, 1), ck.CKU_SO) },
		"the PIN of the SO, which is locked, would be unlocked"},
	"PIN changed": {func(t *testing.T, m *hsm.Module) {
		if err := partitionIn(m, 1).SetPIN(ck.CKU_USER, []byte(userPIN), []byte("the next PIN")); err != nil {
			t.Fatal(err)
		}
	}, "the PIN of the user, which was changed since, would be the old one"},
	"initialised anew": {func(t *testing.T, m *hsm.Module) {
		if err := m.InitToken(1, []byte(soPIN), "a"); err != nil {
			t.Fatal(err)
		}
	}, "the user, whose PIN was removed since, would be back"},
	"policy": {func(t *testing.T, m *hsm.Module) {
		p := partitionIn(m, 1)
		who := asSO(t, p)
		defer p.Logout(who.Identity)
		if err := p.SetPINPolicy(who, api.PINPolicy{MinLength: 6, MaxLength: 64, Tries: 5}); err != nil {
			t.Fatal(err)
		}
	}, "the PIN policy, which was changed since, would be the old one"},
	"uses recorded": {func(t *testing.T, m *hsm.Module) {
		who := asSO(t, partitionIn(m, 1))
		defer partitionIn(m, 1).Logout(who.Identity)
		if err := m.SetAuditUses(1, who, true); err != nil {
			t.Fatal(err)
		}
	}, "uses of keys, which are recorded since, would not be"},
	"rotated": {func(t *testing.T, m *hsm.Module) {
		k := login(t, m, 1)
		defer k.logout()
		if err := k.Partition.(*partition.Partition).RotateKeys(t.Context(), k.user, func(int, int) {}); err != nil {
			t.Fatal(err)
		}
	}, "the key that PINs open, which was rotated since, would be the old one"},
}

// A partition that was deleted does not come back in silence, nor does anything that was
// undone in it before: what is left of it tells, and the home's log.
func TestUndoesDeletion(t *testing.T) {
	for name, row := range undoable {
		t.Run(name, func(t *testing.T) {
			config := newHome(t)
			m := openHome(t, config)
			by := key(t)
			path := save(t, m, by, "", newPartition(t, m, "a", "k1", "k2"))
			c := chain(t, by, path)
			old := look(t, m, 1)
			row.change(t, m)
			if err := m.Delete(1, nil); err != nil {
				t.Fatal(err)
			}
			want := []string{"that it was deleted on " + time.Now().UTC().Format("2006-01-02"), row.want}
			refused(t, c, m, want...)
			list := restore(t, c, m, Restoring{Force: true})
			if got := look(t, m, list[0].At); !got.same(old) {
				t.Errorf("forced: %v, want %v", got, old)
			}
			if said := strings.Join(list[0].Undone, "; "); !strings.Contains(said, row.want) {
				t.Errorf("forced, it says %q, want %q", said, row.want)
			}
			restore(t, c, m, Restoring{}) // beside: it is as old as what is there
			for _, slot := range []ck.SlotID{2, 3} {
				if err := m.Delete(slot, nil); err != nil {
					t.Fatal(err)
				}
			}
			refused(t, c, m, "deleted from slot 3")
			for _, slot := range []string{"1", "2", "3"} {
				if err := os.RemoveAll(filepath.Join(config.Home, "partitions", slot+".deleted")); err != nil {
					t.Fatal(err)
				}
			}
			refused(t, c, m, want[0]) // the home's log is left
			restore(t, c, openHome(t, newHome(t)), Restoring{})
		})
	}
}

// refused demands that a restore is refused, and says why.
func refused(t *testing.T, c *Chain, m *hsm.Module, want ...string) {
	t.Helper()
	_, err := c.Restore(m, Restoring{})
	var undoes *hsm.Undoes
	if !errors.As(err, &undoes) {
		t.Fatalf("restored: %v", err)
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not said: %v", text, err)
		}
	}
}

// A partition that is damaged, or was replaced or moved aside, has left its log: what was
// undone in it does not come back in silence.
func TestUndoesAside(t *testing.T) {
	for name, aside := range map[string]func(t *testing.T, config hsm.Config, m *hsm.Module, other *Chain) *hsm.Module{
		"damaged": func(t *testing.T, config hsm.Config, m *hsm.Module, _ *Chain) *hsm.Module {
			m.Close()
			spoil(t, config.Home)
			return openHome(t, config)
		},
		"repaired": func(t *testing.T, config hsm.Config, m *hsm.Module, _ *Chain) *hsm.Module {
			m.Close()
			spoil(t, config.Home)
			if r, err := hsm.Check(config, hsm.CheckOptions{Repair: true, Partitions: []string{"1"}}); err != nil || r.Quarantine == "" {
				t.Fatalf("%v, %+v", err, r)
			}
			return openHome(t, config)
		},
		"replaced": func(t *testing.T, config hsm.Config, m *hsm.Module, other *Chain) *hsm.Module {
			restore(t, other, m, Restoring{Replace: 1})
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			config, by := newHome(t), key(t)
			m := openHome(t, config)
			c := chain(t, by, save(t, m, by, "", newPartition(t, m, "a", "k1")))
			elsewhere := openHome(t, newHome(t))
			other := chain(t, by, save(t, elsewhere, by, "", newPartition(t, elsewhere, "b", "k2")))
			lock(t, partitionIn(m, 1), ck.CKU_USER)
			m = aside(t, config, m, other)
			refused(t, c, m, "the PIN of the user, which is locked, would be unlocked")
			restore(t, other, m, Restoring{}) // another partition is not held up by it
		})
	}
}

// What was made sensitive before another backup, and came back with that, is not undone in
// silence by an older one; what a restore has undone is not told again.
func TestUndoesBehindAnother(t *testing.T) {
	m, by := openHome(t, newHome(t)), key(t)
	slot := newPartition(t, m, "a", "k1", "k2")
	copyable := ck.Bool(ck.CKA_COPYABLE, false)
	first := chain(t, by, save(t, m, by, "", slot))
	login(t, m, 1).change(t, "k1", copyable)
	second := chain(t, by, save(t, m, by, "", slot))
	restore(t, second, m, Restoring{Replace: 1})
	login(t, m, 1).change(t, "k2", copyable)
	restore(t, second, m, Restoring{Replace: 1, Force: true})

	const held = "objects that were made sensitive, not extractable or the like since would not be so: 1"
	for _, o := range []Restoring{{}, {Replace: 1}} {
		if _, err := first.Restore(m, o); err == nil || !strings.Contains(err.Error(), held) {
			t.Fatalf("%+v: %v", o, err)
		}
	}
	restore(t, second, m, Restoring{Replace: 1})
	list := restore(t, first, m, Restoring{Replace: 1, Force: true})
	if said := strings.Join(list[0].Undone, "; "); said != held {
		t.Errorf("forced, it says %q", said)
	}
	restore(t, first, m, Restoring{Replace: 1})
	login(t, m, 1).change(t, "k1", copyable)
	third := chain(t, by, save(t, m, by, "", slot))
	restore(t, second, m, Restoring{Replace: 1, Force: true}) // it was made before
	restore(t, third, m, Restoring{Replace: 1})
	if _, err := first.Restore(m, Restoring{Replace: 1}); err == nil || !strings.Contains(err.Error(), held) {
		t.Errorf("of a branch: %v", err)
	}
}

// Of several partitions the one that would undo something is told, and none comes. What
// increments tell counts.
func TestUndoesOfSeveral(t *testing.T) {
	m, by := openHome(t, newHome(t)), key(t)
	slots := []ck.SlotID{newPartition(t, m, "a", "k1"), newPartition(t, m, "b", "k2")}
	full := save(t, m, by, "", slots...)
	login(t, m, 1).destroy(t, "k1")
	more := save(t, m, by, full, slots...)
	if err := m.Delete(1, nil); err != nil {
		t.Fatal(err)
	}
	const destroyed = "objects that were destroyed since would be back: 2"
	refused(t, chain(t, by, full), m, "that it was deleted on", destroyed)
	if _, err := chain(t, by, full, more).Restore(m, Restoring{}); err == nil || strings.Contains(err.Error(), destroyed) {
		t.Errorf("with the increment: %v", err)
	}
	if n := len(m.Slots()); n != 2 { // one, and the blank one
		t.Errorf("%d slots", n)
	}
	restore(t, chain(t, by, full), m, Restoring{Name: "b"})
}

// wrong tries a PIN, and reports whether that was looked at and found to be wrong.
func wrong(p api.Partition) bool {
	_, err := p.Login(ck.CKU_USER, []byte("another PIN"))
	return err == ck.CKR_PIN_INCORRECT
}

// No wrong try of a PIN is forgotten in silence: what is tried while a restore is under way
// is told with the rest, or was tried too late to be counted.
func TestUndoesMeanwhile(t *testing.T) {
	config := newHome(t)
	tries, err := os.ReadFile(config.ConfigFile)
	if err == nil {
		err = os.WriteFile(config.ConfigFile, append(tries, "tries = 100\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, by := openHome(t, config), key(t)
	c := chain(t, by, save(t, m, by, "", newPartition(t, m, "a", "k1")))
	parts, err := c.parts("")
	if err != nil {
		t.Fatal(err)
	}
	counted := make(chan int)
	p := partitionIn(openHome(t, config), 1)
	begun := make(chan struct{})
	tryAll := func() {
		n, began := 0, sync.OnceFunc(func() { close(begun) })
		for wrong(p) {
			n++
			began()
		}
		began()
		counted <- n
	}
	want := &hsm.Restored{Serial: parts[0].Serial, Label: "a", Slot: 1, Generation: parts[0].Generation, Replace: 1, Made: c.Contents().Time}
	err = m.Restore([]*hsm.Restored{want}, true, func(stores []store.Store, root *seal.Root) error {
		parts[0].st = stores[0]
		defer func() {
			go tryAll()
			<-begun
		}()
		return c.read(parts, root)
	})
	if err != nil {
		t.Fatal(err)
	}
	n := <-counted
	if said := strings.Join(want.Undone, "; "); n < 100 && !strings.Contains(said, fmt.Sprintf("forgotten: %d", n)) {
		t.Errorf("%d tries were answered, and it says %q", n, said)
	}
}

// A restore that is refused waits for no writer, and none waits for it: a look at a log of
// years takes minutes.
func TestUndoesWithoutWaiting(t *testing.T) {
	config := newHome(t)
	m, by := openHome(t, config), key(t)
	c := chain(t, by, save(t, m, by, "", newPartition(t, m, "a", "k1")))
	login(t, m, 1).destroy(t, "k1")
	store, err := os.Open(filepath.Join(config.Home, "partitions", "1"))
	if err == nil {
		defer store.Close()
		err = unix.Flock(int(store.Fd()), unix.LOCK_EX) // as writers do
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Restore(m, Restoring{Replace: 1})
	var undoes *hsm.Undoes
	if !errors.As(err, &undoes) {
		t.Error(err)
	}
}

// What cannot be opened cannot be compared with: that is said, too.
func TestUndoesUnknown(t *testing.T) {
	config := newHome(t)
	m := openHome(t, config)
	by := key(t)
	path := save(t, m, by, "", newPartition(t, m, "a", "k1"))
	want := look(t, m, 1)
	m.Close()
	spoil(t, config.Home)
	m = openHome(t, config)
	c := chain(t, by, path)
	log := filepath.Join(config.Home, "partitions", "1", "audit")
	if err := os.Rename(log, log+".away"); err != nil {
		t.Fatal(err)
	}
	for o, why := range map[Restoring]string{{Replace: 1}: "nothing to compare with", {}: "cannot be compared"} {
		if _, err := c.Restore(m, o); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if err := os.Rename(log+".away", log); err != nil {
		t.Fatal(err)
	}
	restore(t, c, m, Restoring{Replace: 1}) // its log tells that nothing is undone
	if got := look(t, m, 1); !got.same(want) {
		t.Error(got)
	}
}
