package hsm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

func fingerprint(t *testing.T, c Config) string {
	t.Helper()
	print, err := home{dir: c.Home}.fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	return print
}

// checkRotated checks that the home has the root key of this fingerprint alone.
func checkRotated(t *testing.T, c Config, print string) {
	t.Helper()
	m := open(t, c)
	checkOld(t, m)
	for slot, p := range m.partitions {
		if roots := p.Roots(); len(roots) != 1 || roots[0] != print {
			t.Errorf("slot %d is under %v, want %s", slot, roots, print)
		}
	}
	if (home{dir: c.Home}).rotating() {
		t.Error("the next root key is still there")
	}
}

// TestRotateRoot: also for partitions whose root was derived from the root key, and
// more than once.
func TestRotateRoot(t *testing.T) {
	c := oldHome(t)
	m := open(t, c)
	for range 3 {
		before, steps := fingerprint(t, c), 0
		err := m.RotateRoot(t.Context(), Rotation{Progress: func(done, total int) {
			if done > total || total != 2*len(old) {
				t.Errorf("%d of %d", done, total)
			}
			steps++
		}})
		if err != nil || steps == 0 {
			t.Fatalf("%d steps, %v", steps, err)
		}
		after := fingerprint(t, c)
		if after == before {
			t.Error("the root key is the old one")
		}
		checkOld(t, m)
		checkRotated(t, c, after)
	}
}

// TestRotateRootCutOff ends the change at each step and takes it up again.
func TestRotateRootCutOff(t *testing.T) {
	for at := 0; ; at++ {
		c := oldHome(t)
		ended, err := cutRotation(t, c, at)
		if ended {
			return
		}
		m := open(t, c)
		checkOld(t, m)
		if err != nil && len(m.Status().Problems) != 1 {
			t.Errorf("step %d: the status tells of %q", at, m.Status().Problems)
		}
		slot, err := m.Create("between", soPIN, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.RotateRoot(t.Context(), Rotation{}); err != nil {
			t.Fatalf("taken up at step %d: %v", at, err)
		}
		checkRotated(t, c, fingerprint(t, c))
		if err := open(t, c).partitions[slot].CheckSO(soPIN); err != nil {
			t.Errorf("step %d: the partition made in between: %v", at, err)
		}
	}
}

// cutRotation ends a change of the root key at a step, and reports whether it had ended
// before.
func cutRotation(t *testing.T, c Config, at int) (ended bool, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	step := 0
	err = open(t, c).RotateRoot(ctx, Rotation{Progress: func(int, int) {
		if step == at {
			cancel()
		}
		step++
	}})
	if !errors.Is(err, context.Canceled) && err != nil {
		t.Fatal(err)
	}
	return step <= at, err
}

// TestRotateRootOthers: processes that had the home open under the old root key go
// on, make partitions under the new one, and open those of others.
func TestRotateRootOthers(t *testing.T) {
	c := oldHome(t)
	m, other := open(t, c), open(t, c)
	who := loginAs(t, other, 1, userPIN)
	if err := m.RotateRoot(t.Context(), Rotation{}); err != nil {
		t.Fatal(err)
	}
	checkOld(t, other)
	_, err := other.partitions[1].GenerateKey(who, &ck.Mechanism{Type: ck.CKM_AES_KEY_GEN},
		ck.Template{ck.Ulong(ck.CKA_VALUE_LEN, uint64(16)), ck.Bool(ck.CKA_TOKEN, true)})
	if err != nil {
		t.Errorf("another process makes a key: %v", err)
	}
	theirs, err := m.Create("theirs", soPIN, nil)
	if err != nil {
		t.Fatal(err)
	}
	third := open(t, c)
	mine, err := other.Create("mine", soPIN, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := third.Refresh(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Module{m, other, third, open(t, c)} {
		if err := m.Refresh(); err != nil {
			t.Fatal(err)
		}
		for _, slot := range []ck.SlotID{theirs, mine} {
			if err := m.partitions[slot].CheckSO(soPIN); err != nil {
				t.Errorf("slot %d: %v", slot, err)
			}
		}
	}
}

// A partition that cannot be opened would be lost with the old root key.
func TestRotateRootRefusesBroken(t *testing.T) {
	c := oldHome(t)
	if err := os.Truncate(home{dir: c.Home}.partitionDir(2)+"/store.db", 100); err != nil {
		t.Fatal(err)
	}
	before := fingerprint(t, c)
	if err := open(t, c).RotateRoot(t.Context(), Rotation{}); ck.Code(err) != ck.CKR_DEVICE_ERROR {
		t.Error(err)
	}
	if fingerprint(t, c) != before || (home{dir: c.Home}).rotating() {
		t.Error("the root key was changed all the same")
	}
}

// TestRotateKilled kills a process that changes the root key, or the keys of a
// partition, again and again, while another reads and writes.
func TestRotateKilled(t *testing.T) {
	for what, finish := range rotations {
		t.Run(what, func(t *testing.T) {
			c := oldHome(t)
			if what == "sealed" {
				s := openSeals(t, c)
				must(t, s.Add("stick", keyFileSeal(t)))
				must(t, s.Add("ops", passphrase(t, "correct horse")))
				must(t, s.Remove(RootKeyName))
			}
			m := open(t, c)
			who := loginAs(t, m, 1, userPIN)
			for i := range 12 {
				kill := startRotating(t, c, what)
				time.Sleep(time.Duration(i*7) * time.Millisecond)
				setLabelOf(t, m, who)
				kill()
				checkOld(t, m)
				checkOld(t, open(t, c))
			}
			if err := finish(m, who); err != nil {
				t.Fatal(err)
			}
			checkRotated(t, c, fingerprint(t, c))
			if problems := open(t, c).Status().Problems; len(problems) > 0 {
				t.Errorf("the status tells of %q", problems)
			}
		})
	}
}

// rotations are what can be rotated, each once.
var rotations = map[string]func(*Module, api.Caller) error{
	"root": func(m *Module, _ api.Caller) error { return m.RotateRoot(context.Background(), Rotation{}) },
	"sealed": func(m *Module, _ api.Caller) error {
		return m.RotateRoot(context.Background(), Rotation{Sealer: typed("correct horse")})
	},
	"keys": func(m *Module, who api.Caller) error {
		return m.RotateKeys(context.Background(), 1, who, func(int, int) {})
	},
}

// startRotating starts the process that is killed with what is returned.
func startRotating(t *testing.T, c Config, what string) (kill func()) {
	t.Helper()
	cmd := storetest.Child("rotate", c.Home, what)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	return func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
	}
}

func setLabelOf(t *testing.T, m *Module, who api.Caller) {
	t.Helper()
	id := findAES(t, m, 1, who)
	if err := m.partitions[1].SetAttributes(who, id, ck.Template{ck.Bytes(ck.CKA_ID, []byte("x"))}); err != nil {
		t.Errorf("a change meanwhile: %v", err)
	}
}

// rotateForEver is the process that is killed: it rotates something of a home.
func rotateForEver(args []string) error {
	m, err := Open(Config{Home: args[0]})
	if err != nil {
		return err
	}
	id, err := m.partitions[1].Login(ck.CKU_USER, userPIN)
	if err != nil {
		return err
	}
	who := api.Caller{Identity: id, Session: 1, ReadWrite: true}
	fmt.Println("ready")
	for {
		if err := rotations[args[1]](m, who); err != nil {
			return err
		}
	}
}
