package crashtest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"golang.org/x/sys/unix"
)

// Every call that changes files fails once, for want of room and for a broken
// disk, in every action: it is done or not at all, who asked is told, and all go on.
func TestFaults(t *testing.T) {
	for name := range actions {
		for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO} {
			t.Run(fmt.Sprintf("%s/%v", name, errno), func(t *testing.T) {
				t.Parallel()
				base, _ := newToken(t)
				out, err := storetest.Child("fault", base, name, strconv.Itoa(int(errno))).Output()
				faults, _ := strconv.Atoi(string(bytes.TrimSpace(out)))
				if err != nil || faults < 5 {
					t.Errorf("%d faults: %v", faults, err)
				}
			})
		}
	}
}

// The power goes at every moment of every action, and of one after it, and any part
// of what was not synced is lost or torn.
func TestPowerLoss(t *testing.T) {
	for name := range actions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			images, _ := losePower(t, name, 0)
			t.Logf("%d images", images)
			if images < 15 {
				t.Error("they show nothing")
			}
		})
	}
}

// The same with a disk that fails at every call in turn, fdatasync among them,
// after which the system takes for written what it has in memory only.
func TestPowerLossAfterFault(t *testing.T) {
	names := []string{"modify"}
	if soak.Long {
		names = slices.Collect(maps.Keys(actions))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 1
			for ; ; n++ {
				if _, met := losePower(t, name, n); !met || t.Failed() {
					break
				}
			}
			if n < 5 {
				t.Errorf("%d faults show nothing", n-1)
			}
		})
	}
}

// losePower runs crashChild and judges all images. It returns how many different ones
// there were, and whether the fault was met.
func losePower(t *testing.T, name string, fault int) (images int, met bool) {
	t.Helper()
	base, before := newToken(t)
	return losePowerOn(t, base, before, name, fault)
}

// losePowerOn is losePower of a partition that is there.
func losePowerOn(t *testing.T, base string, before world, name string, fault int) (images int, met bool) {
	t.Helper()
	disk, err := storetest.LoadDisk(base)
	if err != nil {
		t.Fatal(err)
	}
	out, err := storetest.Child("crash", base, name, strconv.Itoa(fault)).Output()
	if err != nil {
		t.Fatal(err)
	}
	calls, err := storetest.ReadRecord(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	j := judge{t: t, base: base, action: actionOf(name), before: before, so: name == "move on", seen: map[[32]byte]bool{}}
	random := rand.New(rand.NewPCG(uint64(fault), 1))
	for i, c := range calls {
		disk.Apply(c)
		switch c.To {
		case acknowledged:
			j.acknowledged = true
		case acknowledgedLater:
			j.later = true
		case faultMet:
			met = true
		}
		j.at = fmt.Sprintf("fault %d, call %d of %d, %s", fault, i, len(calls), c.Op)
		disk.Images(soak.Or(8, 2), random, j.image)
	}
	if last, err := os.ReadFile(filepath.Join(base, "store.db")); err != nil || !j.later {
		t.Errorf("the record does not end: %v", err)
	} else if fault == 0 && !bytes.Equal(last, j.last[filepath.Join(base, "store.db")]) {
		t.Error("the twin of the disk has not what the disk has")
	}
	return len(j.seen), met
}

type judge struct {
	t                   *testing.T
	base, at            string
	action              action
	before              world
	acknowledged, later bool
	so                  bool // the SO PIN is tried as well
	seen                map[[32]byte]bool
	last                map[string][]byte
}

func (j *judge) image(files map[string][]byte) {
	j.last = files
	h := sha256.New()
	fmt.Fprint(h, j.acknowledged, j.later)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		h.Write(files[path])
	}
	if key := [32]byte(h.Sum(nil)); j.seen[key] || j.t.Failed() {
		return
	} else {
		j.seen[key] = true
	}
	dir := j.base + "-after"
	defer os.RemoveAll(dir)
	if err := storetest.WriteImage(files, j.base, dir); err != nil {
		j.t.Fatal(err)
	}
	now, err := look(dir)
	if err == nil {
		err = j.action.judge(j.before, now, j.acknowledged)
	}
	if err == nil {
		err = check(dir, now.pin)
	}
	if err == nil && j.so {
		err = checkSO(dir)
	}
	if _, there := now.keys["later"]; err == nil && j.later && !there {
		err = fmt.Errorf("what came after is lost")
	}
	if err != nil {
		j.t.Errorf("%s: %v", j.at, err)
	}
}
