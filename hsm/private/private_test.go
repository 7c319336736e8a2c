package private

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refuses demands that err is of a kind, and says what to do; nil: that there is none.
func refuses(t *testing.T, err, want error, says string) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil || want != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want %v with %q", err, want, says)
	}
	for _, other := range []error{ErrKind, ErrOthers} {
		if other != want && errors.Is(err, other) {
			t.Errorf("%v is %v as well", err, other)
		}
	}
}

func TestFile(t *testing.T) {
	for _, c := range []struct {
		name  string
		mode  os.FileMode
		owner int
		want  error
		says  string
	}{
		{"ours", 0o600, os.Geteuid(), nil, ""},
		{"ours to read", 0o400, os.Geteuid(), nil, ""},
		{"the group's to read", 0o640, os.Geteuid(), ErrOthers, "mode 640 lets others in; chmod 600"},
		{"everybody's to write", 0o602, os.Geteuid(), ErrOthers, "chmod 600"},
		{"somebody else's", 0o600, 1234, ErrOthers, "belongs to user 1234"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			must(t, os.WriteFile(path, nil, 0o600))
			must(t, os.Chmod(path, c.mode))
			f, err := os.Open(path)
			must(t, err)
			defer f.Close()
			if c.owner != os.Geteuid() && f.Chown(c.owner, c.owner) != nil {
				return // only root gives files away: TestOwned has the rest
			}
			refuses(t, File(f), c.want, c.says)
		})
	}
	t.Run("a pipe", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "pipe")
		must(t, syscall.Mkfifo(path, 0o600))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		defer f.Close()
		refuses(t, File(f), ErrKind, "not a regular file")
	})
}

func TestDir(t *testing.T) {
	for name, c := range map[string]struct {
		make func(path string) error
		want error
		says string
	}{
		"ours":          {func(path string) error { return os.Mkdir(path, 0o700) }, nil, ""},
		"to look into":  {func(path string) error { return os.Mkdir(path, 0o755) }, nil, ""},
		"to write into": {func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o770)) }, ErrOthers, "chmod 700"},
		"a link":        {func(path string) error { return os.Symlink(".", path) }, ErrKind, "symbolic link"},
		"a file":        {func(path string) error { return os.WriteFile(path, nil, 0o600) }, ErrKind, "not a directory"},
		"nothing":       {func(string) error { return nil }, os.ErrNotExist, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dir")
			must(t, c.make(path))
			refuses(t, Dir(path, Ours), c.want, c.says)
		})
	}
}

// TestOwned: nobody else's but, where that is said, root's.
func TestOwned(t *testing.T) {
	info, err := os.Stat(t.TempDir())
	must(t, err)
	refuses(t, owned(info, Ours, os.Geteuid()), nil, "")
	refuses(t, owned(info, func(int, int) bool { return false }, os.Geteuid()), ErrOthers, "run as its owner or chown it")
	for _, c := range []struct{ uid, me, ours, oursOrRoots int }{{5, 5, 1, 1}, {0, 0, 1, 1}, {0, 5, 0, 1}, {5, 0, 0, 0}, {5, 6, 0, 0}} {
		if Ours(c.uid, c.me) != (c.ours == 1) || OursOrRoots(c.uid, c.me) != (c.oursOrRoots == 1) {
			t.Errorf("of user %d, looked at by %d", c.uid, c.me)
		}
	}
}

func TestSyncDir(t *testing.T) {
	must(t, SyncDir(t.TempDir()))
	if err := SyncDir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
