package hsm

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// The other user is one without rights, in a group of another number.
const (
	otherUser  = 65534
	otherGroup = 65533
)

// given is an empty home of another user, for root alone to make: who runs the tests as
// somebody else has no use for them. It is where that user can reach it.
func given(t *testing.T) Config {
	t.Helper()
	top, err := os.MkdirTemp("", "coffer-foreign-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(top) })
	c := Config{Home: filepath.Join(top, "home")}
	must(t, errors.Join(os.Chmod(top, 0o711), os.Mkdir(c.Home, 0o700)))
	must(t, os.WriteFile(filepath.Join(c.Home, configName), []byte(cheapPINs), 0o600))
	giveAway(t, c)
	return c
}

func giveAway(t *testing.T, c Config) {
	t.Helper()
	must(t, filepath.WalkDir(c.Home, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, otherUser, otherGroup))
	}))
}

// givenFull is a home in which there is everything, of another user.
func givenFull(t *testing.T, made Config) Config {
	t.Helper()
	c := given(t)
	must(t, errors.Join(os.RemoveAll(c.Home), storetest.CopyTree(made.Home, c.Home)))
	giveAway(t, c)
	return c
}

// wantOwned demands that all of a home is the other user's, and nobody else's to look into.
func wantOwned(t *testing.T, c Config) {
	t.Helper()
	must(t, filepath.WalkDir(c.Home, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		if st.Uid != otherUser || st.Gid != otherGroup || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is of %d:%d, mode %o", path, st.Uid, st.Gid, info.Mode().Perm())
		}
		return nil
	}))
}

// asOther is a child of this test as the other user.
func asOther(args ...string) *exec.Cmd {
	cmd := storetest.Child(args...)
	cmd.Path = "/proc/self/exe" // the folder of the program may be root's alone
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUser, Gid: otherGroup}}
	return cmd
}

// ownerChild goes on with a home that root has used, or was killed in: it finds nothing wrong
// that does not mend itself, uses what is in the first partition, and makes another.
func ownerChild(args []string) error {
	c := Config{Home: args[0]}
	report, err := Check(c, CheckOptions{Repair: true})
	if err != nil {
		return err
	}
	for _, f := range report.Findings {
		if f.open() {
			return fmt.Errorf("%+v", f)
		}
	}
	m, err := Open(c)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := useOne(m.partitions[1], contents{}); err != nil {
		return err
	}
	_, err = m.Create("the owner's", soPIN, userPIN)
	return err
}

// TestRootInForeignHome: root makes and uses the home of another user, and has every kind
// of file made and replaced there; all of it is that user's, who goes on with it.
func TestRootInForeignHome(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	c := given(t)
	_, err := Init(c)
	must(t, err)
	wantOwned(t, c)
	m := open(t, c)
	slot, err := m.Create("one", soPIN, userPIN)
	must(t, err)
	fillPartition(t, m.partitions[slot], "one")
	gone, err := m.Create("gone", soPIN, userPIN)
	must(t, err)
	must(t, m.Delete(gone, soPIN))
	must(t, rotations["root"](m, api.Caller{}))
	must(t, rotations["keys"](m, loginAs(t, m, slot, userPIN)))
	wantOwned(t, c)
	s, err := OpenSeals(c)
	must(t, err)
	with, err := seal.NewKeyFile(filepath.Join(t.TempDir(), "stick.key"))
	must(t, err)
	must(t, errors.Join(s.Add("stick", with), useEverything(c)))
	wantOwned(t, c)
	must(t, asOther("owner", c.Home).Run())
	_, err = useAll(c)
	must(t, err)
	wantOwned(t, c)
}

// TestOwnerGoesOn kills root in the midst of what it writes in another user's home. Nothing
// there is ever root's, and the owner finds nothing wrong and goes on.
func TestOwnerGoesOn(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	rounds := 4
	if soak.Long {
		rounds = 60
	}
	made := smallHome(t)
	for _, child := range [][]string{{"maker", "", "1000"}, {"rotate", "", "root"}, {"rotate", "", "keys"}} {
		t.Run(strings.Join(child, " "), func(t *testing.T) {
			t.Parallel()
			c := givenFull(t, made)
			for range rounds {
				cmd := storetest.Child(child[0], c.Home, child[2])
				must(t, cmd.Start())
				time.Sleep(20*time.Millisecond + rand.N(300*time.Millisecond))
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				wantOwned(t, c)
			}
			must(t, asOther("owner", c.Home).Run())
			wantOwned(t, c)
		})
	}
}

// planted are what the owner can put in root's way: each makes something at path that leads
// to victim, a file of root's, or in its place a directory.
var planted = map[string]func(victim, path string) error{
	"link":      os.Symlink,
	"hard link": os.Link,
	"pipe":      func(_, path string) error { return unix.Mkfifo(path, 0o600) },
	"directory": func(victim, path string) error { return os.Symlink(filepath.Dir(victim), path) },
}

// TestPlantedForRoot has root use a home in which the owner has put links to what is root's
// alone, and pipes, in the place of every file and directory, and under the names of those
// that there are at times. Root never waits, and never reads or changes what they lead to.
func TestPlantedForRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	made := fullHome(t)
	paths := []string{homeName + ".tmp", nextRootName, placingName, placingName + ".tmp", ".new-1", "partitions/.new-1",
		"partitions/3.deleted", "partitions/1/store.db.new", "partitions/1/audit/torn", "seals/.new-next"}
	must(t, filepath.WalkDir(made.Home, func(path string, d fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(made.Home, path); rel != "." {
			paths = append(paths, rel)
		}
		return err
	}))
	for what, plant := range planted {
		for _, rel := range paths {
			t.Run(what+" "+rel, func(t *testing.T) {
				t.Parallel()
				rootAmong(t, givenFull(t, made), rel, plant)
			})
		}
	}
}

// rootAmong plants something at rel, and has root do what it can.
func rootAmong(t *testing.T, c Config, rel string, plant func(victim, path string) error) {
	yard := filepath.Join(filepath.Dir(c.Home), "roots")
	victim := filepath.Join(yard, "victim")
	must(t, errors.Join(os.Mkdir(yard, 0o755), os.WriteFile(victim, []byte("root's alone"), 0o600)))
	path := filepath.Join(c.Home, rel)
	must(t, errors.Join(os.RemoveAll(path), plant(victim, path)))
	if info, err := os.Lstat(path); err == nil && private.UID(info) == 0 && info.Mode().Type() != 0 {
		must(t, os.Lchown(path, otherUser, otherGroup))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = useEverything(c)
		if m, err := Open(c); err == nil {
			_ = rotations["root"](m, api.Caller{})
			_ = m.Delete(2, soPIN)
			m.Close()
		}
		_, _ = Check(c, CheckOptions{Repair: true})
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("root waits")
	}
	entries, err := os.ReadDir(yard)
	text, err2 := os.ReadFile(victim)
	must(t, errors.Join(err, err2))
	info, err := os.Lstat(victim)
	must(t, err)
	if len(entries) != 1 || string(text) != "root's alone" || private.UID(info) != 0 || info.Mode() != 0o600 {
		t.Errorf("%d files, %q, %v of %d", len(entries), text, info.Mode(), private.UID(info))
	}
}

// TestForeignSealedCopy: root opens the key file that a sealed copy names as the owner of
// the home, who could name any.
func TestForeignSealedCopy(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	c := givenFull(t, smallHome(t))
	stick := filepath.Join(filepath.Dir(c.Home), "stick.key")
	with, err := seal.NewKeyFile(stick) // root's, who has been told to
	must(t, err)
	s, err := OpenSeals(c)
	must(t, err)
	must(t, s.Add("stick", with))
	must(t, os.Remove(filepath.Join(c.Home, rootName)))
	if _, err := Open(c); ck.Code(err) != ck.CKR_DEVICE_ERROR || !errors.Is(err, seal.ErrKeyFilePermission) {
		t.Errorf("root's key file: %v", err)
	}
	must(t, os.Chown(stick, otherUser, otherGroup))
	if _, err := useAll(c); err != nil {
		t.Errorf("the owner's: %v", err)
	}
}

// TestForeignUnlocked: what the owner has unlocked is not root's, and root is told so.
func TestForeignUnlocked(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	c := givenFull(t, smallHome(t))
	s, err := OpenSeals(c)
	must(t, err)
	must(t, s.Add("phrase", passphrase(t, "correct horse")))
	must(t, os.Remove(filepath.Join(c.Home, rootName)))
	if _, err := Open(c); err == nil || !strings.Contains(err.Error(), "coffer seal unlock, as root too") {
		t.Errorf("%v", err)
	}
}

// TestForeignOutOfReach: a home that its owner cannot reach is refused, and why.
func TestForeignOutOfReach(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	c := givenFull(t, smallHome(t))
	must(t, os.Chmod(filepath.Dir(c.Home), 0o700))
	if _, err := Open(c); !errors.Is(err, private.ErrActing) || !strings.Contains(err.Error(), "user 65534 does not get there") {
		t.Errorf("%v", err)
	}
}

// TestForeignToOthers: who is not root is refused another user's home.
func TestForeignToOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	c := givenFull(t, smallHome(t))
	must(t, errors.Join(os.Chown(c.Home, 12345, 12345), os.Chmod(c.Home, 0o755)))
	cmd := asOther("owner", c.Home)
	cmd.Stderr = nil
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "12345") {
		t.Errorf("%v: %s", err, out)
	}
}
