package backup

import (
	"errors"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// A program that has keys of a partition in memory which is deleted, replaced or moved aside
// uses them no more from then on.
func TestGoneWhileInUse(t *testing.T) {
	for name, take := range takers {
		t.Run(name, func(t *testing.T) {
			config, by := newHome(t), key(t)
			m := openHome(t, config)
			newPartition(t, m, "a", "k1")
			path := save(t, m, by, "", 1)
			k := login(t, openHome(t, config), 1)
			ids, err := k.AppendFound(nil, k.user, ck.Template{ck.Ulong(ck.CKA_CLASS, ck.CKO_SECRET_KEY)})
			if err != nil || len(ids) != 1 {
				t.Fatal(ids, err)
			}
			uses := func() error {
				op, err := k.Encrypt(k.user, &ck.Mechanism{Type: ck.CKM_AES_ECB}, ids[0])
				if err == nil {
					op.Close()
				}
				return err
			}
			if err := uses(); err != nil {
				t.Fatal(err)
			}
			take(t, config, by, m, path)
			if err := uses(); !errors.Is(err, ck.CKR_DEVICE_ERROR) {
				t.Errorf("the key is used on: %v", err)
			} else if name == "replaced" && (!errors.Is(err, store.ErrReplaced) || strings.Contains(err.Error(), "backup")) {
				t.Errorf("it is not said that it was replaced: %v", err)
			}
		})
	}
}

// takers take the partition in slot 1 away, of which path is a backup.
var takers = map[string]func(t *testing.T, c hsm.Config, by *age.X25519Identity, m *hsm.Module, path string){
	"deleted": func(t *testing.T, _ hsm.Config, _ *age.X25519Identity, m *hsm.Module, _ string) {
		if err := m.Delete(1, nil); err != nil {
			t.Fatal(err)
		}
	},
	"replaced": func(t *testing.T, _ hsm.Config, by *age.X25519Identity, m *hsm.Module, path string) {
		restore(t, chain(t, by, path), m, Restoring{Replace: 1})
	},
}

// Whether uses of keys are recorded comes back with a partition.
func TestRestoredUses(t *testing.T) {
	m, by := openHome(t, newHome(t)), key(t)
	newPartition(t, m, "a", "k1")
	for _, on := range []bool{true, false} {
		who := asSO(t, partitionIn(m, 1))
		if err := m.SetAuditUses(1, who, on); err != nil {
			t.Fatal(err)
		}
		partitionIn(m, 1).Logout(who.Identity)
		list := restore(t, chain(t, by, save(t, m, by, "", 1)), m, Restoring{})
		got := partitionIn(m, list[0].At).(interface{ AuditUses() bool }).AuditUses()
		if got != on {
			t.Errorf("restored: %v, want %v", got, on)
		}
		if err := m.Delete(list[0].At, nil); err != nil {
			t.Fatal(err)
		}
	}
}
