package crashtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition/oldertest"
	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

// renewChild changes the keys of a partition, that which PINs open among them, again and
// again until it is killed. It tells of each time that is done.
func renewChild(args []string) error {
	k, err := open(args[0], userPIN)
	if err != nil {
		return err
	}
	so, err := k.Login(ck.CKU_SO, []byte(soPIN))
	if err != nil {
		return err
	}
	by := api.Caller{Identity: so, Session: 2, ReadWrite: true}
	fmt.Println("ready")
	for {
		if err := k.RotateKeys(context.Background(), by, func(int, int) {}); err != nil {
			return err
		}
		if r := k.Renewed(); !r.PINKey {
			return fmt.Errorf("the key that PINs open has stayed: %+v", r)
		}
		fmt.Println("renewed")
	}
}

// Who changes the key that PINs open is killed at any moment: both PINs open what there
// is, every key is as it was, and the next rotation goes on.
func TestKilledRenewal(t *testing.T) {
	dir, before := newToken(t)
	renewed, kills, random := 0, soak.Or(300, 12), soak.Random(t)
	for n := range kills {
		cmd := storetest.Child("renew", dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		lines.Scan() // it is at work
		time.AfterFunc(time.Duration(random.IntN(60_000))*time.Microsecond, func() { cmd.Process.Kill() })
		for lines.Scan() {
			renewed++
		}
		cmd.Wait()
		if s := cmd.ProcessState; s.Exited() {
			t.Fatalf("kill %d: it has ended by itself: %v", n, s)
		}
		now, err := look(dir)
		if err == nil && !now.same(before) {
			err = fmt.Errorf("%q, there was %q", now, before)
		}
		if err == nil {
			err = errors.Join(checkSO(dir), check(dir, userPIN))
		}
		if err != nil {
			t.Fatalf("kill %d: %v", n, err)
		}
	}
	k, err := open(dir, userPIN)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.rotate(); err != nil {
		t.Fatal(err)
	}
	if r := k.Renewed(); !r.PINKey {
		t.Errorf("the rotation after it: %+v", r)
	}
	t.Logf("%d rotations, %d kills", renewed, kills)
	if renewed == 0 {
		t.Error("they show nothing")
	}
}

// checkSO opens a partition anew and tries the SO PIN.
func checkSO(dir string) error {
	k, err := open(dir, userPIN)
	if err != nil {
		return err
	}
	defer k.Close()
	return k.CheckSO([]byte(soPIN))
}

// olderToken is a partition whose PINs have records of version 1.
func olderToken(t *testing.T) (dir string, w world) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "base")
	st, err := store.CreateFile(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(oldertest.Restore(st, oldertest.BeforePINKeys), st.Close()); err != nil {
		t.Fatal(err)
	}
	seen := dir + "-seen" // to look moves its records on
	if err := storetest.CopyTree(dir, seen); err != nil {
		t.Fatal(err)
	}
	if w, err = look(seen); err != nil {
		t.Fatal(err)
	}
	return dir, w
}

// The power goes at every moment of a login that moves the record of a PIN on from version
// 1, and of the SO's: each PIN opens what there was, before and after.
func TestPowerLossMovingOn(t *testing.T) {
	dir, before := olderToken(t)
	if len(before.keys) == 0 {
		t.Fatal("there are no keys")
	}
	images, _ := losePowerOn(t, dir, before, "move on", 0)
	t.Logf("%d images", images)
	if images < 15 {
		t.Error("they show nothing")
	}
}
