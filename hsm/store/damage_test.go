package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// filled makes a store of some pages and returns its directory and its data.
func filled(t *testing.T) (dir string, data []byte, all map[ID]string) {
	t.Helper()
	dir = newDir(t)
	s := reopen(t, dir)
	for batch := range 4 {
		update(t, s, func(x Tx) error {
			for n := range 60 {
				if err := x.Put(id(60*batch+n), bytes.Repeat([]byte{byte(n)}, 500)); err != nil {
					return err
				}
			}
			return x.PutMeta("m", []byte("value"))
		})
	}
	all, _ = content(t, s)
	s.Close()
	data, err := os.ReadFile(filepath.Join(dir, dataName))
	if err != nil {
		t.Fatal(err)
	}
	return dir, data, all
}

// use reads and writes everything and returns the first error.
func use(dir string) error {
	s, err := OpenFile(dir, Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	err = s.View(func(x Tx) error {
		sum := 0
		for id, r := range x.All() {
			for _, b := range r {
				sum += int(b)
			}
			x.Get(id)
		}
		x.Meta("m")
		x.Changes(0)
		return nil
	})
	if err != nil {
		return err
	}
	return s.Update(func(x Tx) error {
		for n := 0; n < 240; n += 7 {
			if err := errors.Join(x.Put(id(n), make([]byte, 900)), x.Delete(id(n+1))); err != nil {
				return err
			}
		}
		return nil
	})
}

// Bits are flipped all over the data file. A store may not notice (what is in
// the records is for others to authenticate), but it never brings its host down,
// and its errors are of the known kinds.
func TestFlippedBits(t *testing.T) {
	dir, data, _ := filled(t)
	path := filepath.Join(dir, dataName)
	random := rand.New(rand.NewPCG(5, 6))
	noticed := 0
	for round := range 120 {
		broken := bytes.Clone(data)
		for range 1 + random.IntN(4) {
			at := random.IntN(len(broken))
			if round%2 == 0 { // headers of pages and what follows them hurt most
				at = at&^4095 + random.IntN(64)
			}
			broken[at] ^= byte(1 << random.IntN(8))
		}
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := use(dir); err != nil {
			noticed++
			var known *FileError
			if !errors.As(err, &known) || known.Path != path {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	}
	if noticed == 0 {
		t.Error("no damage was ever noticed")
	}
	t.Logf("%d of 120 noticed", noticed)
}

// A file that was cut off, before it was opened or while it is read.
func TestCutOff(t *testing.T) {
	dir, data, _ := filled(t)
	path := filepath.Join(dir, dataName)
	for _, n := range []int{0, 1, 100, 4096, 8192, 16384, len(data) / 2} {
		if err := os.WriteFile(path, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := use(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes of %d: %v", n, len(data), err)
		}
	}
}

func TestCutOffWhileOpen(t *testing.T) {
	for what, touch := range map[string]func(x Tx, seen []byte){
		"in the store":  func(x Tx, _ []byte) { x.Get(id(200)) },
		"in the caller": func(_ Tx, seen []byte) { bytes.Clone(seen) },
	} {
		t.Run(what, func(t *testing.T) {
			dir, _, _ := filled(t)
			s := reopen(t, dir)
			err := s.View(func(x Tx) error {
				seen, _ := x.Get(id(100))
				if err := os.Truncate(filepath.Join(dir, dataName), 8192); err != nil {
					return err
				}
				touch(x, seen)
				return nil
			})
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("got %v", err)
			}
			if again := s.Update(put(1, "x")); !errors.Is(again, ErrDamaged) {
				t.Errorf("goes on after damage: %v", again)
			}
		})
	}
}

// The lock file may be cut off or replaced under a running program: Generation
// still answers, and the next transaction says what is wrong.
func TestLockFileGone(t *testing.T) {
	replace := func(path string) error {
		return errors.Join(os.Rename(path, path+".aside"), os.WriteFile(path, make([]byte, lockSize), 0o600))
	}
	for what, c := range map[string]struct {
		spoil func(path string) error
		want  error
	}{
		"cut off":  {func(path string) error { return os.Truncate(path, 0) }, ErrDamaged},
		"replaced": {replace, ErrReplaced},
		"removed":  {os.Remove, ErrMissing},
	} {
		t.Run(what, func(t *testing.T) {
			dir := newDir(t)
			s := reopen(t, dir)
			word := s.Generation()
			if err := c.spoil(filepath.Join(dir, lockName)); err != nil {
				t.Fatal(err)
			}
			if what == "cut off" && s.Generation() == word {
				t.Error("Generation says that nothing happened")
			}
			err := s.Update(put(1, "x"))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A store in whose place another was put is not damaged: nobody is to restore a backup
// over the one that is there.
func TestReplacedWhileOpen(t *testing.T) {
	dir, other := newDir(t), newDir(t)
	s := reopen(t, dir)
	aside := dir + "-aside"
	if err := errors.Join(os.Rename(dir, aside), os.Rename(other, dir)); err != nil {
		t.Fatal(err)
	}
	Moved(aside)
	err := s.View(func(Tx) error { return nil })
	if !errors.Is(err, ErrReplaced) || strings.Contains(err.Error(), "backup") || strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}

// writeBolt makes a bbolt file of its own and puts it in the place of a store's.
func writeBolt(t *testing.T, dir string, f func(*bbolt.Tx) error) {
	t.Helper()
	path := filepath.Join(dir, dataName)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
}

func TestForeignDatabase(t *testing.T) {
	dir := newDir(t)
	os.Remove(filepath.Join(dir, dataName))
	writeBolt(t, dir, func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("etcd")); return err })
	if err := use(dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "not a store") {
		t.Errorf("got %v", err)
	}
}

func TestNewerDatabase(t *testing.T) {
	dir := newDir(t)
	writeBolt(t, dir, func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketStore).Put(keyState, binary.BigEndian.AppendUint32(nil, formatVersion+1))
	})
	if err := use(dir); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "upgrade") {
		t.Errorf("got %v", err)
	}
}

func TestBrokenEntries(t *testing.T) {
	for what, f := range map[string]func(*bbolt.Tx) error{
		"state":     func(tx *bbolt.Tx) error { return tx.Bucket(bucketStore).Put(keyState, []byte{0, 0, 0, 1, 9}) },
		"count":     func(tx *bbolt.Tx) error { return tx.Bucket(bucketStore).Put(keyState, state{count: 1 << 61}.encode()) },
		"no state":  func(tx *bbolt.Tx) error { return tx.Bucket(bucketStore).Delete(keyState) },
		"record ID": func(tx *bbolt.Tx) error { return tx.Bucket(bucketRecords).Put([]byte("short"), nil) },
	} {
		dir := newDir(t)
		writeBolt(t, dir, f)
		if err := use(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		if len(Examine(dir, Options{}, func(Tx) error { return nil })) == 0 {
			t.Errorf("%s: not found", what)
		}
	}
}

// The log keeps as many generations as it is told, and says when that is not
// enough.
func TestLogIsPruned(t *testing.T) {
	s := create(t, Options{Log: 5})
	for n := range 20 {
		update(t, s, put(n, "x"))
	}
	s.View(func(x Tx) error {
		if ids, ok := x.Changes(15); !ok || len(ids) != 5 {
			t.Errorf("since 15: %v, %v", ids, ok)
		}
		if _, ok := x.Changes(14); ok {
			t.Error("the log reaches too far")
		}
		n := x.(*fileTx).log.Stats().KeyN
		if n != 5 {
			t.Errorf("%d entries are kept", n)
		}
		return nil
	})
}

// A disk that takes no more writes: the error comes back and nothing changed.
func TestWriteFails(t *testing.T) {
	dir, _, before := filled(t)
	s := reopen(t, dir)
	openData = func(path string, flag int) (*os.File, error) { return openPrivate(path, os.O_RDONLY) }
	err := s.Update(put(1, "lost"))
	openData = openPrivate
	var known *FileError
	if !errors.Is(err, unix.EBADF) || errors.Is(err, ErrUncertain) || !errors.As(err, &known) {
		t.Fatalf("got %v", err)
	}
	if after, _ := content(t, s); !maps.Equal(before, after) {
		t.Error("something changed")
	}
	update(t, s, put(1, "written"))
}

// When the new state is in the file although the commit failed, nobody can say
// whether it will stay.
func TestUncertain(t *testing.T) {
	dir := newDir(t)
	s := reopen(t, dir).(*file)
	update(t, s, put(1, "x"))
	failed := &fileTx{store: s, source: openExisting, state: state{generation: 1}}
	err := s.asWriter(func() error { return s.outcome(failed, unix.EIO) })
	if !errors.Is(err, ErrUncertain) || !errors.Is(err, unix.EIO) {
		t.Errorf("got %v", err)
	}
	failed.state.generation = 2
	err = s.asWriter(func() error { return s.outcome(failed, unix.EIO) })
	if errors.Is(err, ErrUncertain) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("got %v", err)
	}
}

// fullChild writes under limits of the file's size until there is no room.
func fullChild(dir string) error {
	s, err := OpenFile(dir, Options{})
	if err != nil {
		return err
	}
	limit := unix.Rlimit{Cur: 64 << 20, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	for n := range 200 {
		err := s.Update(func(x Tx) error { return x.Put(id(n), make([]byte, 1<<20)) })
		if errors.Is(err, unix.EFBIG) {
			fmt.Println(n)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return errors.New("the limit was never met")
}

// A limit of the file's size is an error, not the signal that ends the host.
func TestFileSizeLimit(t *testing.T) {
	dir := newDir(t)
	out, err := storetest.Child("full", dir).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var want int
	fmt.Sscan(string(out), &want)
	if all, generation := content(t, reopen(t, dir)); len(all) != want || int(generation) != want {
		t.Errorf("%d records at generation %d, %d were written", len(all), generation, want)
	}
}
