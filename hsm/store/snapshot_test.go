package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"golang.org/x/sys/unix"
)

// A Snapshot is one state from its begin to its end, and nobody waits for it.
func TestSnapshot(t *testing.T) {
	both(t, func(t *testing.T, s Store) {
		update(t, s, func(x Tx) error {
			return errors.Join(x.Put(id(1), []byte("one")), x.Put(id(2), nil), x.PutMeta("m", []byte("old")))
		})
		before, generation := content(t, s)
		err := s.Snapshot(func(x Tx) error {
			for n := range 50 {
				update(t, s, func(x Tx) error {
					return errors.Join(x.Put(id(n), []byte(fmt.Sprint(n))), x.Delete(id(n-3)), x.PutMeta("m", nil))
				})
			}
			seen := map[ID]string{}
			for id, r := range x.All() {
				seen[id] = string(r)
			}
			metas := map[string]string{}
			for name, v := range x.Metas() {
				metas[name] = string(v)
			}
			if !maps.Equal(seen, before) || !maps.Equal(metas, map[string]string{"m": "old"}) || x.Generation() != generation || x.Len() != len(before) {
				t.Errorf("generation %d: %v, %v", x.Generation(), seen, metas)
			}
			if err := x.Put(id(1), nil); !errors.Is(err, ErrReadOnly) {
				t.Errorf("a change: %v", err)
			}
			return s.View(func(x Tx) error {
				if x.Generation() != generation+50 {
					t.Errorf("beside it, generation %d", x.Generation())
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		own := errors.New("own")
		if err := s.Snapshot(func(Tx) error { return own }); !errors.Is(err, own) {
			t.Error(err)
		}
		s.Close()
		if err := s.Snapshot(func(Tx) error { return nil }); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// The copy is gone when its Snapshot is, and has no name before.
func TestSnapshotLeavesNothing(t *testing.T) {
	dir := newDir(t)
	s := reopen(t, dir)
	err := s.Snapshot(func(Tx) error {
		names, err := os.ReadDir(dir)
		if len(names) != 2 {
			t.Errorf("%v", names)
		}
		return err
	})
	if left := openFiles(t, dir); err != nil || len(left) != 0 {
		t.Errorf("%d files stay open: %v", len(left), err)
	}
}

// grown is a store that was large once, and what is left in it.
func grown(t *testing.T) (dir string, left map[ID]string) {
	dir = newDir(t)
	s := reopen(t, dir)
	update(t, s, func(x Tx) error {
		for n := range 3000 {
			if err := x.Put(id(n), make([]byte, 1000)); err != nil {
				return err
			}
		}
		return x.PutMeta("m", []byte("value"))
	})
	update(t, s, func(x Tx) error {
		for n := range 2990 {
			if err := x.Delete(id(n)); err != nil {
				return err
			}
		}
		return nil
	})
	left, _ = content(t, s)
	return dir, left
}

func TestCompact(t *testing.T) {
	dir, want := grown(t)
	s, other := reopen(t, dir), reopen(t, dir)
	_, generation := content(t, other)
	before, after, err := s.(Compacter).Compact()
	if err != nil || before < 3<<20 || after > 1<<19 {
		t.Fatalf("from %d to %d bytes: %v", before, after, err)
	}
	if info, err := os.Stat(filepath.Join(dir, dataName)); err != nil || info.Size() != after || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, s := range []Store{s, other, reopen(t, dir)} {
		if all, g := content(t, s); !maps.Equal(all, want) || g != generation {
			t.Errorf("generation %d, then %d: %d records", generation, g, len(all))
		}
	}
	other.View(func(x Tx) error {
		if v, _ := x.Meta("m"); string(v) != "value" {
			t.Errorf("a named value is %q", v)
		}
		if ids, ok := x.Changes(0); !ok || len(ids) != 3000 {
			t.Errorf("%d changes, %v", len(ids), ok)
		}
		return nil
	})
	update(t, other, put(1, "goes on"))
	update(t, s, put(2, "goes on"))
}

// compactFaultsChild compacts with every call that changes files refused in turn.
func compactFaultsChild(dir string) error {
	var f storetest.Fault
	if err := storetest.Watch(dir, f.Decide); err != nil {
		return err
	}
	for n := 1; ; n++ {
		s, err := OpenFile(dir, Options{})
		if err != nil {
			return err
		}
		f.Arm(n, unix.ENOSPC)
		_, _, failed := s.(Compacter).Compact()
		refused := f.Disarm()
		if failed == nil && refused != nil && refused.Op != storetest.Remove { // of what is not there
			return fmt.Errorf("fault %d: nobody notices that %s %s was refused", n, refused.Op, refused.Path)
		}
		// What was there is there, and the store goes on.
		for _, step := range []func() error{
			func() error { _, err := wholeSet(s); return err },
			func() error { return s.Update(writeSet(n)) },
			func() error { _, err := wholeSet(s); return err },
		} {
			if err := step(); err != nil {
				return fmt.Errorf("after fault %d: %w", n, err)
			}
		}
		if refused == nil {
			fmt.Println(n - 1)
			return nil
		}
	}
}

func wholeSet(s Store) (ok bool, err error) {
	err = s.View(func(x Tx) error {
		if ok = isSet(x); !ok {
			return errors.New("records are missing or of two transactions")
		}
		return nil
	})
	return ok, err
}

func TestCompactFaults(t *testing.T) {
	dir := newDir(t)
	update(t, reopen(t, dir), writeSet(0))
	start := time.Now()
	out, err := storetest.Child("compact faults", dir).Output()
	var faults int
	fmt.Sscan(string(out), &faults)
	if err != nil || faults < 6 {
		t.Fatalf("%d faults in %v: %v", faults, time.Since(start), err)
	}
}
