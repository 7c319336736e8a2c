package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The other user, and a group that is not its own number.
const (
	otherUser  = 65534
	otherGroup = 65533
)

// given is a directory of the other user, which this process has entered. Only root can be
// in another's: who runs the tests as somebody else has no use for those of it.
func given(t *testing.T) string {
	t.Helper()
	top, err := os.MkdirTemp("", "private-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(top) })
	dir := filepath.Join(top, "home")
	must(t, errors.Join(os.Chmod(top, 0o711), os.Mkdir(dir, 0o700), os.Chown(dir, otherUser, otherGroup)))
	must(t, Enter(dir))
	return dir
}

func wantOwner(t *testing.T, path string) {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	if uid, gid := ids(info); uid != otherUser || gid != otherGroup {
		t.Errorf("%s is of %d:%d", path, uid, gid)
	}
}

// TestActs: everything that is made is the owner's, and this thread is what it was.
func TestActs(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	dir := given(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	f, err := OpenFile(in("file"), os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o600)
	must(t, err)
	must(t, errors.Join(File(f), f.Close()))
	g, err := CreateTemp(dir, "temporary-*")
	must(t, errors.Join(err, g.Close()))
	must(t, errors.Join(Mkdir(in("one")), MkdirAll(in("two/three")), Link(in("file"), in("linked")), Rename(g.Name(), in("renamed"))))
	must(t, errors.Join(Exchange(in("one"), in("two")), SyncDir(dir), Dir(dir, Ours)))
	for _, name := range []string{"file", "renamed", "one/three", "two", "linked"} {
		wantOwner(t, in(name))
	}
	entries, err := ReadDir(dir)
	if err != nil || len(entries) != 5 {
		t.Errorf("%v, %v", entries, err)
	}
	must(t, errors.Join(Remove(in("linked")), RemoveAll(in("one"))))
	if _, err := Lstat(in("one")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if !Foreign(in("file")) || Me(in("x/y")) != otherUser || Foreign(dir+"x") || Foreign(filepath.Dir(dir)) || Me("/") != 0 {
		t.Error("who acts where")
	}
	if uid, _ := unix.SetfsuidRetUid(-1); uid != 0 {
		t.Errorf("this thread acts as %d", uid)
	}
}

// TestActsOnlyAsOwner: what the owner could not do alone is not done, whatever leads there.
func TestActsOnlyAsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	dir := given(t)
	roots := filepath.Join(filepath.Dir(dir), "roots")
	must(t, os.Mkdir(roots, 0o755))
	victim := filepath.Join(roots, "victim")
	must(t, errors.Join(os.WriteFile(victim, []byte("old"), 0o600), os.WriteFile(victim+".group", []byte("old"), 0o660)))
	must(t, errors.Join(os.Symlink(roots, filepath.Join(dir, "sub")), os.Link(victim, filepath.Join(dir, "hard")), os.Link(victim+".group", filepath.Join(dir, "group"))))
	for name, do := range map[string]func() error{
		"read":        func() error { return opened(OpenFile(filepath.Join(dir, "hard"), os.O_RDONLY, 0)) },
		"truncate":    func() error { return opened(OpenFile(filepath.Join(dir, "hard"), os.O_WRONLY|os.O_TRUNC, 0)) },
		"group":       func() error { return opened(OpenFile(filepath.Join(dir, "group"), os.O_RDWR, 0)) },
		"through":     func() error { return opened(OpenFile(filepath.Join(dir, "sub/victim"), os.O_RDONLY, 0)) },
		"make":        func() error { return opened(OpenFile(filepath.Join(dir, "sub/new"), os.O_CREATE|os.O_RDWR, 0o600)) },
		"make dir":    func() error { return MkdirAll(filepath.Join(dir, "sub/new/er")) },
		"remove":      func() error { return Remove(filepath.Join(dir, "sub/victim")) },
		"remove all":  func() error { return RemoveAll(filepath.Join(dir, "sub/victim")) },
		"rename":      func() error { return Rename(filepath.Join(dir, "sub/victim"), filepath.Join(dir, "mine")) },
		"rename over": func() error { return Rename(filepath.Join(dir, "group"), filepath.Join(dir, "sub/victim")) },
		"named":       func() error { return opened(OpenFor(dir, victim, os.O_RDONLY)) },
	} {
		if err := do(); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text, err := os.ReadFile(victim); string(text) != "old" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func opened(f *os.File, err error) error {
	if err == nil {
		f.Close()
	}
	return err
}

// TestActsOfMany: several threads act in the homes of several users at once, and each file
// is that user's; who has left another's home acts as itself.
func TestActsOfMany(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	first, second := given(t), given(t)
	must(t, os.Chown(second, otherUser-10, otherGroup-10))
	must(t, Enter(second))
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			dir, want := first, otherUser
			if i%2 == 1 {
				dir, want = second, otherUser-10
			}
			path := filepath.Join(dir, fmt.Sprint(i))
			f, err := OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if info, err := f.Stat(); err != nil || UID(info) != want {
				t.Errorf("%s is of %d, %v", path, UID(info), err)
			}
		})
	}
	all.Wait()
	must(t, os.Chown(first, 0, 0))
	must(t, Enter(first))
	if Foreign(first) || !Foreign(second) {
		t.Error("who acts where")
	}
}

// TestCannotAct: without the rights to act as another user, root is refused and says why.
func TestCannotAct(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	if dir := os.Getenv("PRIVATE_ENTER"); dir != "" {
		if err := Enter(dir); !errors.Is(err, ErrActing) {
			t.Errorf("entered: %v", err)
		}
		return
	}
	dir := given(t)
	self, err := os.Executable()
	must(t, err)
	for _, without := range [][]string{{"--bounding-set=-setuid"}, {"--bounding-set=-setgid"}, {"--securebits=+no_setuid_fixup"}} {
		cmd := exec.Command("setpriv", append(without, self, "-test.run=^TestCannotAct$")...)
		cmd.Env = append(os.Environ(), "PRIVATE_ENTER="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", without, err, out)
		}
	}
}

// TestHostDrops: a host that gives up root itself, all threads of it, acts as what it is.
func TestHostDrops(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	if dir := os.Getenv("PRIVATE_DROP"); dir != "" {
		must(t, Enter(dir))
		must(t, errors.Join(syscall.Setgroups(nil), syscall.Setgid(otherGroup), syscall.Setuid(otherUser)))
		if Foreign(dir) || Me(dir) != otherUser {
			t.Error("it is root still")
		}
		f, err := OpenFile(filepath.Join(dir, "dropped"), os.O_CREATE|os.O_RDWR, 0o600)
		must(t, errors.Join(err, File(f), f.Close()))
		return
	}
	dir := given(t)
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestHostDrops$")
	cmd.Env = append(os.Environ(), "PRIVATE_DROP="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantOwner(t, filepath.Join(dir, "dropped"))
}

// byHand is what uses files by package os: nothing of it is in a home.
var byHand = []string{
	"../config.go",                 // COFFER_CONF
	"../store/filesystem_linux.go", // mountinfo
	"../seal/holder_linux.go",      // XDG_RUNTIME_DIR
	"../seal/method.go",            // CREDENTIALS_DIRECTORY
}

// TestNobodyGoesRound: the packages that use files of a home do it by this one.
func TestNobodyGoesRound(t *testing.T) {
	direct := regexp.MustCompile(`\bos\.(Open|OpenFile|OpenRoot|Create|CreateTemp|Mkdir|MkdirAll|MkdirTemp|Rename|Link|Symlink|` +
		`WriteFile|ReadFile|Chmod|Chown|Lchown|Chtimes|Remove|RemoveAll|Truncate|ReadDir|Lstat|Stat)\(|\bunix\.(Open|Rename|Link|Unlink|Mkdir)`)
	looked := 0
	for _, folder := range []string{"..", "../store", "../audit", "../seal", "../partition", "../backup"} {
		files, err := filepath.Glob(folder + "/*.go")
		must(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || slices.Contains(byHand, file) {
				continue
			}
			text, err := os.ReadFile(file)
			must(t, err)
			looked++
			if found := direct.Find(text); found != nil {
				t.Errorf("%s: %s, which package private has", file, found)
			}
		}
	}
	if looked < 50 {
		t.Errorf("%d files", looked)
	}
}
