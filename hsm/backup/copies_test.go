package backup

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// A backup of all of a home, one of whose partitions was restored beside another copy,
// has both, in increments too, and brings both back.
func TestBackupOfCopies(t *testing.T) {
	m, by := openHome(t, newHome(t)), key(t)
	newPartition(t, m, "a", "k1")
	restore(t, chain(t, by, save(t, m, by, "", 1)), m, Restoring{})
	paths := []string{save(t, m, by, "", 1, 2)}
	for i, slot := range []ck.SlotID{1, 2} {
		k := login(t, m, slot)
		k.create(t, []string{"only in 1", "only in 2"}[i])
		k.logout()
	}
	paths = append(paths, save(t, m, by, paths[0], 1, 2))
	want := []world{look(t, m, 1), look(t, m, 2)}
	if want[0].same(want[1]) {
		t.Fatal("the copies do not differ")
	}
	c := chain(t, by, paths...)
	if err := c.Verify(); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Contents().Partitions {
		if p.Since == 0 {
			t.Errorf("the increment has all of slot %d", p.Slot)
		}
	}
	config := newHome(t)
	restore(t, c, openHome(t, config), Restoring{})
	for i, w := range want {
		if got := look(t, openHome(t, config), ck.SlotID(i+1)); !got.same(w) {
			t.Errorf("slot %d: %v, want %v", i+1, got, w)
		}
	}
	oneOfCopies(t, c, want[1])
}

// oneOfCopies restores one of them, which its slot names.
func oneOfCopies(t *testing.T, c *Chain, want world) {
	t.Helper()
	m := openHome(t, newHome(t))
	if _, err := c.Restore(m, Restoring{Name: "a"}); err == nil || !strings.Contains(err.Error(), "its slot") {
		t.Errorf("named by the label: %v", err)
	}
	list := restore(t, c, m, Restoring{Name: "slot:2"})
	if got := look(t, m, list[0].At); len(list) != 1 || !got.same(want) {
		t.Errorf("named by the slot: %v, want %v", got, want)
	}
}

// Copies of files that cannot be told apart are refused before anything is written.
func TestBackupOfCopiedFiles(t *testing.T) {
	config, by := newHome(t), key(t)
	m := openHome(t, config)
	newPartition(t, m, "a", "k1")
	from, to := filepath.Join(config.Home, "partitions", "1"), filepath.Join(config.Home, "partitions", "2")
	if err := storetest.CopyTree(from, to); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "beside"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Create(io.Discard, openHome(t, config), []ck.SlotID{1, 2}, Options{To: []age.Recipient{by.Recipient()}})
	if err == nil || !strings.Contains(err.Error(), "slot 2 has a copy of the files of slot 1") {
		t.Error(err)
	}
}
