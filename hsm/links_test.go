package hsm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// useEverything does what reads or writes each file of a home.
func useEverything(c Config) error {
	m, err := Open(c)
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := useAll(c); err != nil {
		return err
	}
	if _, err := m.Create("another", soPIN, userPIN); err != nil {
		return err
	}
	s, err := OpenSeals(c)
	if err != nil {
		return err
	}
	list, _, err := s.List()
	for _, e := range list {
		err = errors.Join(err, e.Err)
	}
	l, logErr := m.AuditLog(1)
	if err = errors.Join(err, logErr); err != nil {
		return err
	}
	verify := func(l *audit.Log) error {
		_, err := audit.Verify(l.Dir(), l.Verifier())
		return err
	}
	return errors.Join(verify(l), m.HomeLog(verify))
}

// fullHome makes a home in which everything was used that has a file of its own.
func fullHome(t *testing.T) Config {
	t.Helper()
	made := smallHome(t)
	s, err := OpenSeals(made)
	must(t, err)
	with, err := seal.NewKeyFile(filepath.Join(t.TempDir(), "stick.key"))
	must(t, err)
	must(t, s.Add("stick", with))
	must(t, useEverything(made))
	return made
}

// copyOf makes a copy of a home.
func copyOf(t *testing.T, made Config) Config {
	t.Helper()
	c := made
	c.Home = filepath.Join(t.TempDir(), "home")
	must(t, storetest.CopyTree(made.Home, c.Home))
	return c
}

// TestPipes puts a pipe in the place of each file of a home, and of those it has only at
// times: nobody waits for somebody to write to it.
func TestPipes(t *testing.T) {
	made := fullHome(t)
	paths := []string{configName, nextRootName, placingName}
	must(t, filepath.WalkDir(made.Home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(made.Home, path)
			paths = append(paths, rel)
		}
		return err
	}))
	for _, rel := range paths {
		t.Run(rel, func(t *testing.T) { refusePipe(t, made, rel) })
	}
}

func refusePipe(t *testing.T, made Config, rel string) {
	t.Parallel()
	c := copyOf(t, made)
	path := filepath.Join(c.Home, rel)
	must(t, os.RemoveAll(path))
	must(t, unix.Mkfifo(path, 0o600))
	found := make(chan error)
	go func() {
		_ = useEverything(c)
		report, err := Check(c, CheckOptions{})
		if err == nil && report.Sound() {
			err = errors.New("Check has not found it")
		} else {
			err = nil
		}
		found <- err
	}()
	select {
	case err := <-found:
		must(t, err)
	case <-time.After(time.Minute):
		t.Fatal("somebody waits for it")
	}
}

// TestLinks puts a symbolic link in the place of each file and directory of a home, to
// what was there: it is refused, found by Check, and nothing is written behind it.
func TestLinks(t *testing.T) {
	made := fullHome(t)
	must(t, filepath.WalkDir(made.Home, func(path string, _ fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(made.Home, path)
		if err != nil || rel == "." {
			return err
		}
		t.Run(rel, func(t *testing.T) { refuseLink(t, made, rel) })
		return nil
	}))
}

func refuseLink(t *testing.T, made Config, rel string) {
	t.Parallel()
	c := copyOf(t, made)
	if rel == rootName { // so that nothing else opens the home
		must(t, os.RemoveAll(filepath.Join(c.Home, sealsName)))
	}
	path, elsewhere := filepath.Join(c.Home, rel), filepath.Join(t.TempDir(), "elsewhere")
	must(t, os.Rename(path, elsewhere))
	must(t, os.Symlink(elsewhere, path))
	before := takeImage(t, elsewhere)
	report, err := Check(c, CheckOptions{})
	if err == nil && report.Sound() {
		t.Error("Check has not found it")
	}
	if err := useEverything(c); err == nil {
		t.Error("it is followed")
	}
	for file, was := range before {
		if is, err := os.ReadFile(file); err != nil || string(is) != string(was) {
			t.Errorf("%s was changed: %v", file, err)
		}
	}
}

// TestLinkIsNotMade has no file made behind a link to nowhere.
func TestLinkIsNotMade(t *testing.T) {
	for _, name := range []string{lockName, homeName, homeName + ".tmp", rootName, partitionsName, auditName, sealsName} {
		t.Run(name, func(t *testing.T) {
			c := newHome(t, cheapPINs)
			must(t, os.MkdirAll(c.Home, 0o700))
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			must(t, os.Symlink(elsewhere, filepath.Join(c.Home, name)))
			if _, err := Init(c); err == nil {
				t.Error("a home was made through a link")
			}
			if _, err := os.Lstat(elsewhere); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it was made: %v", err)
			}
		})
	}
}
