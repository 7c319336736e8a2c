package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, err := CreateFile(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, put(1, "x"))
	s.Close()
	for name, mode := range map[string]fs.FileMode{".": fs.ModeDir | 0o700, dataName: 0o600, lockName: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := CreateFile(dir, Options{}); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), dir) {
		t.Errorf("created again: %v", err)
	}
	if n, _ := content(t, reopen(t, dir)); n[id(1)] != "x" {
		t.Error("the record is lost")
	}
}

// A relative name stays good when the host changes its directory.
func TestRelativeDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := CreateFile("store", Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("/")
	update(t, s, put(1, "x"))
}

func TestCreateAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := CreateFile(dir, Options{})
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("%d stores were made", made.Load())
	}
	reopen(t, dir)
}

// createChild makes one store after another until it is killed.
func createChild(dir string) error {
	for n := 0; ; n++ {
		if _, err := CreateFile(filepath.Join(dir, fmt.Sprint(n)), Options{}); err != nil {
			return err
		}
	}
}

// A creation that was killed leaves what opens, or what can be created.
func TestCreateKilled(t *testing.T) {
	missing := 0
	for round := range 15 {
		dir := t.TempDir()
		cmd := storetest.Child("create", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15*time.Millisecond + time.Duration(round)*317*time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			_, err := OpenFile(filepath.Join(dir, e.Name()), Options{})
			if errors.Is(err, ErrMissing) {
				missing++
				_, err = CreateFile(filepath.Join(dir, e.Name()), Options{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d of 15 creations were cut off", missing)
}

// The states that a creation passes through, one by one.
func TestHalfCreated(t *testing.T) {
	for what, leave := range map[string][]string{
		"directory": {}, "empty lock": {lockName}, "unfinished data": {lockName, dataName + newSuffix},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			os.Chmod(dir, 0o700)
			for _, name := range leave {
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := OpenFile(dir, Options{}); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "no store here") {
				t.Errorf("open: %v", err)
			}
			if _, err := CreateFile(dir, Options{}); err != nil {
				t.Errorf("create: %v", err)
			}
			reopen(t, dir)
		})
	}
}

// What is refused, with which error, and that it names file and remedy.
func TestRefused(t *testing.T) {
	type setting struct {
		want  error
		names string
		says  string
		spoil func(dir string) error
	}
	in := func(f func(path string) error, name string) func(string) error {
		return func(dir string) error { return f(filepath.Join(dir, name)) }
	}
	mode := func(m fs.FileMode) func(string) error {
		return func(path string) error { return os.Chmod(path, m) }
	}
	text := func(s string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(s), 0o600) }
	}
	for what, c := range map[string]setting{
		"no directory":     {ErrMissing, "", "no store here", func(dir string) error { return os.RemoveAll(dir) }},
		"no data":          {ErrMissing, dataName, "no store here", in(os.Remove, dataName)},
		"no lock":          {ErrMissing, lockName, "coffer check --repair", in(os.Remove, lockName)},
		"readable data":    {ErrPermission, dataName, "chmod 600", in(mode(0o644), dataName)},
		"readable lock":    {ErrPermission, lockName, "chmod 600", in(mode(0o640), lockName)},
		"shared directory": {ErrPermission, "", "chmod 700", mode(0o770)},
		"empty data":       {ErrDamaged, dataName, "backup", in(text(""), dataName)},
		"foreign data":     {ErrDamaged, dataName, "backup", in(text(strings.Repeat("PNG\n", 9000)), dataName)},
		"foreign lock":     {ErrDamaged, lockName, "backup", in(text("pid 17"), lockName)},
		"newer lock":       {ErrNewer, lockName, "upgrade", in(newerLock, lockName)},
		"data is a link":   {ErrDamaged, dataName, "symbolic", in(linked, dataName)},
		"data is a dir":    {ErrDamaged, dataName, "", in(directory, dataName)},
	} {
		t.Run(what, func(t *testing.T) {
			dir := newDir(t)
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
			before := files(t, dir)
			_, err := OpenFile(dir, Options{})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), filepath.Join(dir, c.names)) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if after := files(t, dir); after != before {
				t.Errorf("changed: %s", after)
			}
		})
	}
}

func newerLock(path string) error {
	b, err := os.ReadFile(path)
	if err == nil {
		b[offVersion]++
		err = os.WriteFile(path, b, 0o600)
	}
	return err
}

func linked(path string) error {
	return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path))
}

func directory(path string) error {
	return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
}

// files is the names and the content of a directory.
func files(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		content, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		fmt.Fprintf(&b, "%s %x\n", e, content)
	}
	return b.String()
}

// An empty lock file is the documented way to replace a lost one.
func TestEmptyLockIsFilled(t *testing.T) {
	dir := newDir(t)
	if err := os.Truncate(filepath.Join(dir, lockName), 0); err != nil {
		t.Fatal(err)
	}
	update(t, reopen(t, dir), put(1, "x"))
}

// A lock file that is lost is made again, but not while a transaction of before goes on;
// who had the store open then is told.
func TestRestoreLock(t *testing.T) {
	dir := t.TempDir() + "/store"
	s, err := CreateFile(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	data, err := os.Open(filepath.Join(dir, dataName)) // as a transaction of another process has it
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	if err := flock(data, unix.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	if err := RestoreLock(dir, Options{Wait: time.Millisecond}); !errors.Is(err, ErrBusy) {
		t.Errorf("in the middle of a transaction: %v", err)
	}
	data.Close()
	if err := RestoreLock(dir, Options{}); err != nil {
		t.Error(err)
	}
	if err := s.View(func(Tx) error { return nil }); !errors.Is(err, ErrReplaced) {
		t.Errorf("who had it open: %v", err)
	}
	if s, err = OpenFile(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(tx Tx) error { return tx.PutMeta("x", []byte("y")) }); err != nil {
		t.Error(err)
	}
	if err := RestoreLock(t.TempDir(), Options{}); !errors.Is(err, ErrMissing) {
		t.Errorf("no store: %v", err)
	}
}
