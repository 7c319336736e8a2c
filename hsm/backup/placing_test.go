package backup

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"golang.org/x/sys/unix"
)

// placingChild restores and kills itself right before the n-th call that puts restored
// partitions in their places.
func placingChild(args []string) error {
	home, n := args[0], 0
	at, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	err = storetest.Watch(home, func(c storetest.Call) storetest.Answer {
		if puts(home, c) {
			if n++; n == at {
				unix.Kill(os.Getpid(), unix.SIGKILL)
				select {}
			}
		}
		return storetest.Answer{}
	})
	if err != nil {
		return err
	}
	return run(home, args[1], args[2], args[4] == "replace")
}

// puts reports whether a call is of the last part of a restore.
func puts(home string, c storetest.Call) bool {
	name := filepath.Base(c.Path)
	return strings.HasPrefix(name, "restore.list") || name == "beside" || name == "incoming" || c.Op == storetest.Rename ||
		c.Op == storetest.Sync && (c.Path == home || name == "partitions")
}

// killedPlacing restores into copies of a home, in children that kill themselves one call
// later each time until one comes to its end. judge works on what each has left; listed
// says that the restore was done then, but for the rest that its list is about.
func killedPlacing(t *testing.T, from, path, by, mode string, judge func(home string, n int, listed bool) error) {
	t.Helper()
	home, cutOff := from+"-placed", 0
	for n := 1; ; n++ {
		if err := copyHome(from, home); err != nil {
			t.Fatal(err)
		}
		if storetest.Child("placing", home, path, by, strconv.Itoa(n), mode).Run() == nil {
			break
		}
		_, err := os.Stat(filepath.Join(home, "restore.list"))
		listed := err == nil
		if listed {
			cutOff++
		}
		if err := judge(home, n, listed); err != nil {
			t.Fatalf("killed before call %d, listed: %v: %v", n, listed, err)
		}
	}
	if cutOff < 5 {
		t.Errorf("only %d were cut off in the middle", cutOff)
	}
}

// A restore of several partitions is killed at each step: all of them come, or none, and
// the next restore, or a repair, makes one copy of each whatever there was.
func TestKilledPlacing(t *testing.T) {
	config, by := newHome(t), key(t)
	m := openHome(t, config)
	slots := []ck.SlotID{newPartition(t, m, "a", "k1"), newPartition(t, m, "b", "k2"), newPartition(t, m, "c", "k3")}
	path := save(t, m, by, "", slots...)
	var want []world
	for _, slot := range slots {
		want = append(want, look(t, m, slot))
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	killedPlacing(t, config.Home, path, by.String(), "beside", func(home string, n int, listed bool) error {
		return placedAll(home, path, by.String(), want, listed, n%2 == 0)
	})
}

// placedAll judges a home after a restore that was cut off, and after it was finished by
// a repair or by another restore.
func placedAll(home, path, by string, want []world, listed, repair bool) error {
	all, err := peek(home)
	if err != nil {
		return err
	}
	whole := len(all) == 2*len(want)
	switch {
	case !listed && !whole && len(all) != len(want):
		return fmt.Errorf("%d partitions, and nothing says that there are to be more", len(all))
	case listed && repair:
		if _, err := finish(home); err != nil {
			return err
		}
	case !whole || listed:
		if err := run(home, path, by, false); err != nil {
			return fmt.Errorf("again: %w", err)
		}
	}
	if all, err = peek(home); err != nil || len(all) != 2*len(want) {
		return fmt.Errorf("in the end there are %d: %w", len(all), err)
	}
	for _, w := range want {
		n := 0
		for got := range maps.Values(all) {
			if got.same(w) {
				n++
			}
		}
		if n != 2 {
			return fmt.Errorf("one is there %d times", n)
		}
	}
	left, err := os.ReadDir(filepath.Join(home, "partitions"))
	if err == nil && slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }) {
		err = fmt.Errorf("left over: %v", left)
	}
	return err
}

// A restore in the place of something is killed at each step: whoever works on the home
// next, be it a repair or another act, finds it done or not begun, and leaves nothing half
// done; and the home's log tells which.
func TestKilledReplacing(t *testing.T) {
	s := newScene(t)
	killedPlacing(t, s.config.Home, s.path, s.by.String(), "replace", func(home string, n int, listed bool) error {
		return s.replacedOrNot(home, listed, n%2 == 0)
	})
}

// replacedOrNot works on a home after a restore that was cut off, and judges it.
func (s *scene) replacedOrNot(home string, listed, repair bool) error {
	if repair {
		if _, err := finish(home); err != nil {
			return err
		}
	}
	m, err := hsm.Open(config(home))
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := m.Create("next", []byte(soPIN), []byte(userPIN)); err != nil { // an act on the home
		return err
	}
	result := ""
	err = m.HomeLog(func(l *audit.Log) error {
		r, err := audit.Verify(l.Dir(), l.Verifier())
		if err == nil && len(r.Open) > 0 {
			err = fmt.Errorf("not ended: %+v", r.Open)
		}
		for rec, failed := range audit.Read(l.Dir(), 0) {
			if err = errors.Join(err, failed); rec.Act == audit.Restore && !rec.Begun() {
				result = rec.Result
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := m.Delete(2, nil); err != nil {
		return err
	}
	all, err := peek(home)
	if err != nil {
		return err
	}
	done := all[1].same(s.old) && s.aside(home)
	if !done && !all[1].same(s.now) || listed && !done || done != (result == "CKR_OK") {
		return fmt.Errorf("done: %v, the log says %q: %v", done, result, all)
	}
	left, err := filepath.Glob(filepath.Join(home, "partitions", ".*"))
	more, _ := filepath.Glob(filepath.Join(home, "partitions", "1", "incoming"))
	list, _ := filepath.Glob(filepath.Join(home, "restore.list"))
	if left = slices.Concat(left, more, list); len(left) > 0 {
		err = fmt.Errorf("left over: %v", left)
	}
	return err
}
