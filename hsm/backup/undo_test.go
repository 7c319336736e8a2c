package backup

import (
	"errors"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// What a restore would undo is told, and done only if forced; what it would not undo
// needs no force.
func TestUndoes(t *testing.T) {
	lock := func(t *testing.T, p api.Partition, user ck.UserType) {
		for range 20 {
			if _, err := p.Login(user, []byte("another PIN")); errors.Is(err, ck.CKR_PIN_LOCKED) {
				return
			}
		}
		t.Fatal("not locked")
	}
	for name, row := range map[string]struct {
		change func(*testing.T, *hsm.Module)
		want   string // empty: nothing is undone
	}{
		"nothing": {func(*testing.T, *hsm.Module) {}, ""},
		"new key": {func(t *testing.T, m *hsm.Module) { login(t, m, 1).create(t, "k9") }, ""},
		"destroyed": {func(t *testing.T, m *hsm.Module) { login(t, m, 1).destroy(t, "k1") },
			"objects that were destroyed since would be back: 2"},
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
	} {
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
		})
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
	if _, err := c.Restore(m, Restoring{Replace: 1}); err == nil || !strings.Contains(err.Error(), "nothing to compare with") {
		t.Error(err)
	}
	restore(t, c, m, Restoring{Replace: 1, Force: true})
	if got := look(t, m, 1); !got.same(want) {
		t.Error(got)
	}
}
