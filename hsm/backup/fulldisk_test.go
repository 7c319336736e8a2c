package backup

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"golang.org/x/sys/unix"
)

// The variables of the environment: who sets the first has the test left out, the second
// is for the test itself.
const (
	noMounts = "COFFER_TEST_NO_MOUNTS"
	inMounts = "COFFER_TEST_MOUNTED_ON"
)

// TestFullDisk has a file system of its own, which is filled to the last page at many
// points of what is done on it. What was acknowledged is there, no try of a PIN was free
// and none was counted that was not made, and where there is room again all works.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(inMounts); dir != "" {
		fullDisk(t, dir)
		return
	}
	if os.Getenv(noMounts) != "" {
		t.Skipf("left out, since %s is set", noMounts)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), inMounts+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\nwhere mounting is refused, %s=1 leaves this test out", err, out, noMounts)
	}
}

// disk is the file system that is filled, and what was acknowledged on it.
type disk struct {
	*testing.T
	dir    string
	config hsm.Config
	m      *hsm.Module
	by     *age.X25519Identity
	keys   world
	wrong  int // tries of the user PIN since the last right one
	made   int // objects called "more"
	counts map[string]int
}

const fullTries = 10 // of a PIN, until it is locked

func fullDisk(t *testing.T, dir string) {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=700"); err != nil {
		t.Fatalf("a file system cannot be mounted: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	counts := map[string]int{}
	for left := int64(0); left <= 320<<10; left += step(left) {
		onDisk(t, dir, counts, left, func(d *disk) { d.use(left) })
	}
	onDisk(t, dir, counts, 320<<10, (*disk).makeUntilFull)
	onDisk(t, dir, counts, 320<<10, (*disk).lengthenUntilFull)
	for _, what := range []string{"wrong", "refused try", "login", "refused login", "refused object", "refused longer value", "refused rotation", "refused backup", "refused partition"} {
		if counts[what] == 0 {
			t.Errorf("never met: %s", what)
		}
	}
	t.Log(counts)
}

// onDisk runs f on a new home and so many bytes left, and judges what came of it.
func onDisk(t *testing.T, dir string, counts map[string]int, left int64, f func(*disk)) {
	d := &disk{T: t, dir: dir, by: key(t), counts: counts, config: newHome(t)}
	d.config.Home = filepath.Join(dir, "home")
	d.m = openHome(t, d.config)
	newPartition(t, d.m, "a", "k1", "k2")
	d.keys = look(t, d.m, 1)
	d.fill(left)
	f(d)
	d.free()
	d.judge(left)
	if err := errors.Join(d.m.Close(), os.RemoveAll(d.config.Home)); err != nil {
		t.Fatal(err)
	}
}

// makeUntilFull fills the disk with objects, each made after a login of its own: no login
// is refused then, nor later.
func (d *disk) makeUntilFull() {
	before := d.counts["refused login"]
	for refused := 0; refused < 20; {
		d.session(func(k *token) {
			if d.full("object", k.tryData("more", 1<<10)) {
				refused++
			} else {
				d.made++
			}
		})
		if n := d.counts["refused login"] - before; n > 0 {
			d.Fatalf("a login was refused after %d new objects, and %d that were refused", d.made, refused)
		}
	}
}

// lengthenUntilFull does the same with longer and longer values of objects.
func (d *disk) lengthenUntilFull() {
	var ids []api.ObjectID
	d.session(func(k *token) {
		for range 12 {
			if !d.full("object", k.tryData("more", 0)) {
				d.made++
			}
		}
		ids, _ = k.AppendFound(nil, k.user, ck.Template{ck.String(ck.CKA_LABEL, "more")})
	})
	before, refused := d.counts["refused login"], 0
	for size := 4 << 10; refused < 20; size += 4 << 10 {
		for _, id := range ids {
			d.session(func(k *token) {
				longer := ck.Template{ck.Bytes(ck.CKA_VALUE, make([]byte, size))}
				if d.full("longer value", k.SetAttributes(k.user, id, longer)) {
					refused++
				}
			})
			if d.counts["refused login"] > before {
				d.Fatalf("a login was refused after values of %d bytes, and %d that were refused", size, refused)
			}
		}
	}
}

// step is by single pages where logins end, and coarser where there is more room.
func step(left int64) int64 {
	if left < 64<<10 {
		return 4 << 10
	}
	return 32 << 10
}

// fill leaves some bytes of the disk.
func (d *disk) fill(left int64) {
	var s unix.Statfs_t
	f, err := os.Create(filepath.Join(d.dir, "fill"))
	if err == nil {
		err = errors.Join(unix.Statfs(d.dir, &s), f.Close())
	}
	if err != nil {
		d.Fatal(err)
	}
	if n := int64(s.Bavail)*s.Bsize - left; n > 0 {
		f, _ := os.OpenFile(f.Name(), os.O_WRONLY, 0)
		if err := errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, n), f.Close()); err != nil {
			d.Fatal(err)
		}
	}
}

func (d *disk) free() {
	if err := os.Remove(filepath.Join(d.dir, "fill")); err != nil {
		d.Fatal(err)
	}
}

// full takes an error that may only be that of a full disk, and counts.
func (d *disk) full(what string, err error) bool {
	if err == nil {
		d.counts[what]++
		return false
	}
	if ck.Code(err) != ck.CKR_DEVICE_MEMORY && !errors.Is(err, syscall.ENOSPC) {
		d.Fatalf("%s: %v", what, err)
	}
	d.counts["refused "+what]++
	return true
}

// use does all that there is to do, as far as there is room.
func (d *disk) use(left int64) {
	d.try()
	d.session(func(k *token) {
		for _, size := range []int{48 << 10, 1 << 10} {
			for !d.full("object", k.tryData("more", size)) {
				d.made++
			}
			d.try()
		}
		d.rotate(k)
	})
	for n := 0; n < 100 && left < 16<<10; n++ { // until the room ends that is kept for them
		d.session(func(*token) {})
		d.try()
	}
	d.try()
	d.session(d.rotate)
	path := filepath.Join(d.dir, "backup")
	err := WriteFile(path, func(w io.Writer) error {
		_, err := Create(w, d.m, []ck.SlotID{1}, Options{To: []age.Recipient{d.by.Recipient()}})
		return err
	})
	if !d.full("backup", err) {
		if err := chain(d, d.by, path).Verify(); err != nil {
			d.Error(err)
		}
	}
	os.Remove(path)
	_, err = d.m.Create("b", []byte(soPIN), nil)
	d.full("partition", err)
	d.told()
}

// rotate changes the partition's keys.
func (d *disk) rotate(k *token) {
	d.full("rotation", d.part().RotateKeys(d.Context(), k.user, func(int, int) {}))
}

// try gives a wrong PIN, which is refused unseen or counted.
func (d *disk) try() {
	if d.wrong == fullTries-2 {
		return
	}
	_, err := partitionIn(d.m, 1).Login(ck.CKU_USER, []byte("another PIN"))
	if errors.Is(err, ck.CKR_PIN_INCORRECT) {
		d.wrong++
		d.counts["wrong"]++
	} else {
		d.full("try", err)
	}
}

// session logs in as the user, and out again.
func (d *disk) session(f func(*token)) {
	p := partitionIn(d.m, 1)
	id, err := p.Login(ck.CKU_USER, []byte(userPIN))
	if d.full("login", err) {
		return
	}
	d.wrong = 0
	k := &token{p, api.Caller{Identity: id, Session: 1, ReadWrite: true}}
	f(k)
	k.logout()
}

// told demands that the state of everything says that records wait for room, if they do.
func (d *disk) told() {
	waiting := d.part().Waiting()
	problems := d.m.Status().Problems
	said := slices.ContainsFunc(problems, func(p string) bool {
		return strings.HasPrefix(p, "slot 1: ") && strings.Contains(p, "wait for room")
	})
	if said != (waiting != nil) {
		d.Errorf("waiting: %v, problems: %q", waiting, problems)
	}
	if waiting != nil {
		d.counts["waiting"]++
	}
}

func (d *disk) part() *partition.Partition { return partitionIn(d.m, 1).(*partition.Partition) }

// judge looks at everything, with room, as another process does.
func (d *disk) judge(left int64) {
	d.m.Close()
	d.m = openHome(d, d.config)
	d.told()
	if r, err := hsm.Check(d.config, hsm.CheckOptions{}); err != nil || !r.Sound() {
		d.Fatalf("%d bytes: %v, %+v", left, err, r)
	}
	d.countTries(left)
	k := login(d, d.m, 1)
	defer k.logout()
	if err := d.part().RotateKeys(d.Context(), k.user, func(int, int) {}); err != nil {
		d.Fatalf("%d bytes: %v", left, err)
	}
	if n := k.remove(d, "more"); n != d.made {
		d.Errorf("%d bytes: %d objects are there, and %d were acknowledged", left, n, d.made)
	}
	d.made = 0
	if got, err := k.world(); err != nil || !got.same(d.keys) {
		d.Fatalf("%d bytes: %v, %v, want %v", left, err, got, d.keys)
	}
	l, err := d.m.AuditLog(1)
	if err == nil {
		_, err = audit.Verify(l.Dir(), l.Verifier())
	}
	if err != nil {
		d.Errorf("%d bytes: %v", left, err)
	}
}

// countTries demands that as many tries are left as were not made, by using them up; then
// the SO unlocks the PIN.
func (d *disk) countTries(left int64) {
	n := d.wrong
	for {
		_, err := d.part().Login(ck.CKU_USER, []byte("another PIN"))
		if errors.Is(err, ck.CKR_PIN_LOCKED) {
			break
		}
		if n++; !errors.Is(err, ck.CKR_PIN_INCORRECT) || n > fullTries {
			d.Fatalf("%d bytes, try %d: %v", left, n, err)
		}
	}
	if n != fullTries {
		d.Errorf("%d bytes: after %d wrong tries the PIN is locked, %d of them on the full disk", left, n, d.wrong)
	}
	who := asSO(d.T, d.part())
	defer d.part().Logout(who.Identity)
	if err := d.part().InitPIN(who, []byte(userPIN)); err != nil {
		d.Fatal(err)
	}
	d.wrong = 0
}

// tryData makes an object of some bytes.
func (k *token) tryData(label string, size int) error {
	_, err := k.CreateObject(k.user, ck.Template{
		ck.Ulong(ck.CKA_CLASS, ck.CKO_DATA), ck.Bool(ck.CKA_TOKEN, true), ck.Bool(ck.CKA_PRIVATE, false),
		ck.String(ck.CKA_LABEL, label), ck.Bytes(ck.CKA_VALUE, make([]byte, size)),
	})
	return err
}

// remove destroys the objects of a label, and counts them.
func (k *token) remove(t testing.TB, label string) int {
	t.Helper()
	ids, err := k.AppendFound(nil, k.user, ck.Template{ck.String(ck.CKA_LABEL, label)})
	for _, id := range ids {
		err = errors.Join(err, k.DestroyObject(k.user, id))
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(ids)
}
