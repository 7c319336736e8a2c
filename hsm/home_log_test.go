package hsm

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.Main(m, map[string]func([]string) error{"killed": killedChild, "maker": makerChild, "rotate": rotateForEver, "owner": ownerChild})
}

// homeRecords verifies the home's log and returns what is in it.
func homeRecords(t *testing.T, c Config) (all []audit.Record, name string) {
	t.Helper()
	must(t, open(t, c).HomeLog(func(l *audit.Log) error {
		if _, err := audit.Verify(l.Dir(), l.Verifier()); err != nil {
			return err
		}
		name = l.Name()
		for r, err := range audit.Read(l.Dir(), 0) {
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		return nil
	}))
	return all, name
}

// told is records in short: act, result, slot.
func told(all []audit.Record) (list []string) {
	for _, r := range all {
		list = append(list, fmt.Sprintf("%s %s %d", r.Act, strings.TrimPrefix(r.Result, "CKR_"), r.Slot))
	}
	return list
}

// wantTold demands that the last records are these.
func wantTold(t *testing.T, c Config, want ...string) []audit.Record {
	t.Helper()
	all, _ := homeRecords(t, c)
	got := told(all)
	if len(got) < len(want) || strings.Join(got[len(got)-len(want):], "\n") != strings.Join(want, "\n") {
		t.Fatalf("the log ends with\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return all
}

// TestHomeLogOfLibrary: a token that a program initialises in the blank slot is told.
func TestHomeLogOfLibrary(t *testing.T) {
	c := newHome(t, cheapPINs)
	m := open(t, c)
	must(t, m.InitToken(1, soPIN, "one"))
	must(t, m.InitToken(1, soPIN, "again")) // in the log of the partition
	must(t, m.Delete(1, nil))
	all := wantTold(t, c, "home.create OK 0", "partition.create PENDING 1", "partition.create OK 1",
		"partition.delete PENDING 1", "partition.delete OK 1")
	if all[3].Who != "" || all[4].Of != 3 || !strings.HasPrefix(all[4].Detail, "serial number ") {
		t.Errorf("%+v", all[3:])
	}
	if err := m.InitToken(9, soPIN, "none"); !errors.Is(err, ck.CKR_SLOT_ID_INVALID) {
		t.Errorf("%v", err)
	}
	if _, err := m.create(0, always, func(string, store.Store) error { return ck.CKR_DEVICE_MEMORY }); err == nil {
		t.Fatal("made")
	}
	wantTold(t, c, "partition.create PENDING 2", "partition.create DEVICE_MEMORY 2")
}

// killedChild kills itself in the midst of an act.
func killedChild(args []string) error {
	kill := func() error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	m, err := Open(Config{Home: args[0]})
	if err != nil {
		return err
	}
	switch args[1] {
	case "making":
		_, err = m.create(0, always, func(string, store.Store) error { return kill() })
	case "made":
		err = m.underLock(func() error {
			return m.recorded(audit.Event{Act: audit.PartitionCreate, Slot: 2}, func(*audit.Event) error {
				return errors.Join(os.Mkdir(m.home.partitionDir(2), 0o700), kill())
			})
		})
	case "removed":
		err = m.lockedHome(func() error {
			return m.recorded(audit.Event{Act: audit.PartitionDelete, Slot: 1}, func(*audit.Event) error {
				return errors.Join(m.remove(1), kill())
			})
		})
	case "sealing":
		err = m.lockedHome(func() error {
			return m.recorded(audit.Event{Act: audit.SealAdd, Detail: "x"}, func(*audit.Event) error { return kill() })
		})
	}
	return fmt.Errorf("still here: %w", err)
}

// TestHomeLogKilled: an act that was begun by a process that was killed is ended by the
// next, which says whether it was done where the home shows that.
func TestHomeLogKilled(t *testing.T) {
	for when, want := range map[string]string{
		"making":  "partition.create FUNCTION_CANCELED 2",
		"made":    "partition.create OK 2",
		"removed": "partition.delete OK 1",
		"sealing": "seal.add FUNCTION_CANCELED 0",
	} {
		t.Run(when, func(t *testing.T) {
			c := newHome(t, cheapPINs)
			m := open(t, c)
			must(t, m.InitToken(1, soPIN, "one"))
			must(t, m.Close())
			if err := storetest.Child("killed", c.Home, when).Run(); err == nil || err.Error() != "signal: killed" {
				t.Fatal(err)
			}
			if r := mustCheck(t, c, CheckOptions{}); !strings.Contains(fmt.Sprint(r.Findings), "does not say how it ended") {
				t.Errorf("%+v", r.Findings)
			}
			var report audit.Report
			x := open(t, c)
			must(t, x.home.verifyLog(x.root, &report))
			if len(report.Open) != 1 {
				t.Fatalf("%+v", report)
			}
			must(t, x.lockedHome(func() error { return x.home.note(x.root, audit.Event{Act: audit.SealLock}) }))
			all := wantTold(t, c, want, "seal.lock OK 0")
			if ended := all[len(all)-2]; ended.Of != report.Open[0].Seq || !strings.Contains(ended.Detail, "cut off") {
				t.Errorf("%+v", ended)
			}
		})
	}
}

// makerChild makes partitions and removes every other one.
func makerChild(args []string) error {
	m, err := Open(Config{Home: args[0]})
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(args[1])
	for i := range n {
		slot, err := m.Create(fmt.Sprintf("made %d.%d", os.Getpid(), i), soPIN, nil)
		if err == nil && i%2 == 1 {
			err = m.Delete(slot, soPIN)
		}
		if err != nil {
			return err
		}
	}
	return m.Close()
}

// TestHomeLogOfMany: what several processes do at once is all told, one act at a time.
func TestHomeLogOfMany(t *testing.T) {
	c := newHome(t, cheapPINs)
	must(t, open(t, c).InitToken(1, soPIN, "first"))
	const processes, each = 4, 4
	done := make(chan error)
	for range processes {
		go func() { done <- storetest.Child("maker", c.Home, strconv.Itoa(each)).Run() }()
	}
	for range processes {
		must(t, <-done)
	}
	all, _ := homeRecords(t, c)
	if want := 3 + processes*(each*2+each/2*2); len(all) != want {
		t.Errorf("%d records, want %d", len(all), want)
	}
	for i := 1; i < len(all); i += 2 {
		if !all[i].Begun() || all[i+1].Of != all[i].Seq || all[i+1].Slot != all[i].Slot || !all[i+1].Succeeded() {
			t.Errorf("%+v\n%+v", all[i], all[i+1])
		}
	}
}

// TestHomeLogRotated: the log goes on under its name when the root key changes, wherever
// that is cut off.
func TestHomeLogRotated(t *testing.T) {
	cut := errors.New("cut off")
	for _, step := range []string{"staged", "begun", "sealed", "partitions", "changed over", "adopted"} {
		c := newHome(t, cheapPINs)
		m := open(t, c)
		must(t, m.InitToken(1, soPIN, "one"))
		_, name := homeRecords(t, c)
		err := m.RotateRoot(t.Context(), Rotation{step: func(done string) error {
			if done == step {
				return cut
			}
			return nil
		}})
		if !errors.Is(err, cut) {
			t.Fatalf("%s: %v", step, err)
		}
		must(t, m.Close())
		m = open(t, c)
		wantTold(t, c, "root.rotate PENDING 0", "root.rotate GENERAL_ERROR 0")
		must(t, m.RotateRoot(t.Context(), Rotation{}))
		wantTold(t, c, "root.rotate PENDING 0", "root.rotate OK 0")
		if _, now := homeRecords(t, c); now != name {
			t.Errorf("%s: the log is called %s now, not %s", step, now, name)
		}
		if keys, err := m.home.logKeys(); err != nil || len(keys) != 1 {
			t.Errorf("%s: %v, %v", step, keys, err)
		}
	}
}

// TestHomeLogFlipped: no byte of the log or of its key is another one unseen, and no
// flip keeps a partition from its users.
func TestHomeLogFlipped(t *testing.T) {
	c := newHome(t, cheapPINs)
	m := open(t, c)
	must(t, m.InitToken(1, soPIN, "one"))
	must(t, m.Close())
	random := rand.New(rand.NewPCG(5, 6))
	for path, b := range takeImage(t, filepath.Join(c.Home, auditName)) {
		if name := filepath.Base(path); name == "hashes" || name == "lock" { // made anew; nothing in it
			continue
		}
		for at := range b {
			if !soak.Long && random.IntN(12) != 0 {
				continue
			}
			flipped := bytes.Clone(b)
			flipped[at] ^= 1 << random.IntN(8)
			must(t, os.WriteFile(path, flipped, 0o600))
			if r, err := Check(c, CheckOptions{}); err != nil || r.Sound() && len(r.Findings) == 0 {
				t.Fatalf("%s: byte %d of %d is %q, not %q: nobody has seen it: %v", path, at, len(b), flipped[at], b[at], err)
			}
			if at%64 == 0 {
				must(t, open(t, c).partitions[1].Err())
			}
		}
		must(t, os.WriteFile(path, b, 0o600))
	}
	if r := mustCheck(t, c, CheckOptions{}); !r.Sound() {
		t.Errorf("%+v", r)
	}
}

// TestHomeLogReadAtItsEnd: an act reads the end of the log, and Check all of it.
func TestHomeLogReadAtItsEnd(t *testing.T) {
	c := newHome(t, cheapPINs)
	m := open(t, c)
	must(t, m.InitToken(1, soPIN, "one"))
	path := filepath.Join(c.Home, auditName, "log")
	sound, err := os.ReadFile(path)
	must(t, err)
	spoiled := bytes.Replace(sound, []byte("home.create"), []byte("home.crEate"), 1)
	must(t, os.WriteFile(path, spoiled, 0o600))
	must(t, m.InitToken(2, soPIN, "two"))
	if r := mustCheck(t, c, CheckOptions{}); r.Sound() {
		t.Error("nobody has seen that the first record is another one")
	}
	spoiled, err = os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, bytes.Replace(spoiled, []byte(`"slot":2`), []byte(`"slot":3`), 2), 0o600))
	if err := m.Delete(2, nil); err == nil || !strings.Contains(err.Error(), "coffer audit accept --home") {
		t.Errorf("an act after a record that is another one: %v", err)
	}
}

// TestHomeLogOfOldHome: a home that was made before there was a log opens, and has one
// from the next act on.
func TestHomeLogOfOldHome(t *testing.T) {
	c := oldHome(t)
	m := open(t, c)
	if err := m.HomeLog(nil); !errors.Is(err, ErrNoHomeLog) {
		t.Fatal(err)
	}
	must(t, m.Delete(2, nil))
	wantTold(t, c, "log.begin OK 0", "partition.delete PENDING 2", "partition.delete OK 2")
}

// fillLog has the log of partition 1 tell of more than its store can make again.
func fillLog(t *testing.T, c Config) {
	t.Helper()
	m := open(t, c)
	defer m.Close()
	for range 8 {
		id, err := m.partitions[1].Login(ck.CKU_SO, soPIN)
		must(t, err)
		must(t, m.partitions[1].Logout(id))
	}
}

// TestRepairTold: a repair is in the log of the partition and in the home's; where the
// partition's log is of no use any more, the repair is done all the same.
func TestRepairTold(t *testing.T) {
	for _, broken := range []bool{false, true} {
		c := smallHome(t)
		if broken {
			fillLog(t, c)
		}
		spoilFile(t, c, firstRecord(0))
		if broken {
			must(t, os.WriteFile(filepath.Join(c.Home, partitionsName, "1", auditName, "log"), nil, 0o600))
		}
		r := mustCheck(t, c, CheckOptions{Repair: true, PIN: with(userPIN)})
		if r.Quarantine == "" {
			t.Fatalf("%+v", r)
		}
		all := wantTold(t, c, "repair PENDING 0", "repair OK 0")
		if last := all[len(all)-1].Detail; last != "made again: 0, moved aside: 2 to "+filepath.Base(r.Quarantine) {
			t.Errorf("%q", last)
		}
		l, err := open(t, c).AuditLog(1)
		if broken {
			if err == nil || !strings.Contains(err.Error(), "coffer audit accept") {
				t.Errorf("%v", err)
			}
			continue
		}
		must(t, err)
		var repaired []string
		for rec, err := range audit.Read(l.Dir(), 0) {
			must(t, err)
			if rec.Act == audit.Repair {
				repaired = append(repaired, rec.Detail)
			}
		}
		if fmt.Sprint(repaired) != "[taken out: 2]" {
			t.Errorf("%q", repaired)
		}
	}
}
