package hsm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// wrongTry gives a wrong PIN of the SO.
func wrongTry(t *testing.T, m *Module) {
	t.Helper()
	if _, err := m.partitions[1].Login(ck.CKU_SO, []byte("wrong-pin")); ck.Code(err) != ck.CKR_PIN_INCORRECT {
		t.Fatal(err)
	}
}

// older is a copy of the partition in slot 1, as a restore has made it.
func older(t *testing.T, c Config) store.Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "older")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(c.Home, partitionsName, "1"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "store.db", "store.lock"} {
		mode := os.FileMode(0o600)
		if name == "" {
			mode = 0o700
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	st, err := store.OpenFile(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// looking is a home whose partition is to be replaced by an older copy of it.
type looking struct {
	*restoring
	t   *testing.T
	dir string // of the partition
}

func newLooking(t *testing.T) *looking {
	c := homeWith(t, "one")
	m := open(t, c)
	want := &Restored{Serial: m.partitions[1].Info().Serial, Replace: 1}
	l := &looking{newRestoring(m, []*Restored{want}), t, filepath.Join(c.Home, partitionsName, "1")}
	l.stores = []store.Store{older(t, c)}
	if err := l.stores[0].View(func(tx store.Tx) error { want.Generation = tx.Generation(); return nil }); err != nil {
		t.Fatal(err)
	}
	wrongTry(t, m)
	return l
}

func (l *looking) log() string { return filepath.Join(l.dir, auditName, "log") }

func (l *looking) read() []byte {
	l.t.Helper()
	b, err := os.ReadFile(l.log())
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// put writes the log, with damage in a record that has been read by now if there is to be.
func (l *looking) put(log []byte, spoilt bool) {
	l.t.Helper()
	if spoilt {
		log = bytes.Replace(log, []byte(`"seq":1,`), []byte(`"seq":7,`), 1)
	}
	if err := os.WriteFile(l.log(), log, 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// tells looks, and demands that so many wrong tries are told, once, and nothing is unknown.
func (l *looking) tells(tries int) {
	l.t.Helper()
	if err := l.undoes(true); err != nil {
		l.t.Fatal(err)
	}
	got, want := strings.Join(l.list[0].Undone, "; "), fmt.Sprintf("forgotten: %d", tries)
	if !strings.Contains(got, want) || strings.Count(got, "forgotten") != 1 || strings.Contains(got, "not all") {
		l.t.Errorf("it says %q, want %q", got, want)
	}
}

// The look under the lock of writers reads of the logs only what has come since the look
// before it, misses nothing of that, and says nothing twice.
func TestUndoesReadOnce(t *testing.T) {
	l := newLooking(t)
	l.tells(1)
	wrongTry(t, l.m)
	l.put(l.read(), true)
	l.tells(2)
}

// It is the same with the log of a partition that is gone.
func TestUndoesGoneReadOnce(t *testing.T) {
	l := newLooking(t)
	before := l.read()
	wrongTry(t, l.m)
	whole, aside := l.read(), l.dir+replacedSuffix+"x"
	delete(l.m.partitions, 1)
	if err := os.Rename(l.dir, aside); err != nil {
		t.Fatal(err)
	}
	l.dir = aside
	l.put(before, false)
	l.tells(1)
	l.put(whole, true)
	l.tells(2)
}

// Where another log has come in the place of the one that was read, it is read from its start.
func TestUndoesOtherLog(t *testing.T) {
	l := newLooking(t)
	l.tells(1)
	l.put(l.read(), true)
	if _, err := l.m.AcceptAudit(1, []byte("so-pin")); err != nil { // which begins a new one
		t.Fatal(err)
	}
	wrongTry(t, l.m) // the right PIN has made the one before void
	l.tells(1)
}
