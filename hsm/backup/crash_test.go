package backup

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"golang.org/x/sys/unix"
)

// modes are the ways to restore beside something, and over it.
var modes = []string{"beside", "replace"}

// Every call that changes files fails once, for want of room and for a broken disk: what
// was there stays whole, and the restored partition is there if that was said.
func TestFaults(t *testing.T) {
	for _, mode := range modes {
		for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO} {
			t.Run(fmt.Sprintf("%s/%v", mode, errno), func(t *testing.T) {
				t.Parallel()
				s := newScene(t)
				out, err := storetest.Child("fault", s.config.Home, s.path, s.by.String(), mode,
					strconv.Itoa(int(errno)), s.old.text(), s.now.text()).Output()
				faults, _ := strconv.Atoi(string(bytes.TrimSpace(out)))
				if err != nil || faults < 15 {
					t.Errorf("%d faults: %v", faults, err)
				}
			})
		}
	}
}

// A restore is killed at many moments: what was there stays whole, and the next restore
// goes through.
func TestKilled(t *testing.T) {
	for _, mode := range modes {
		s := newScene(t)
		home := s.config.Home + "-killed"
		finished := 0
		for n := range 20 {
			if err := copyHome(s.config.Home, home); err != nil {
				t.Fatal(err)
			}
			done := killAfter(t, time.Duration(n)*1500*time.Microsecond, "restore", home, s.path, s.by.String(), mode)
			if done {
				finished++
			}
			if err := s.judge(home, mode == "replace", done); err != nil {
				t.Fatalf("%s, after %d: %v", mode, n, err)
			}
			if mode == "replace" {
				continue
			}
			if err := run(home, s.path, s.by.String(), false); err != nil {
				t.Fatalf("again: %v", err)
			}
		}
		t.Logf("%s: %d of 20 were finished before they were killed", mode, finished)
		if finished == 20 {
			t.Error("none was killed")
		}
	}
}

// killAfter starts a child and kills it when some time has passed since it was ready. It
// reports whether the child was done by then.
func killAfter(t *testing.T, after time.Duration, args ...string) (done bool) {
	t.Helper()
	cmd := storetest.Child(args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	cmd.Process.Kill()
	rest, _ := io.ReadAll(r)
	cmd.Wait()
	return string(rest) == "done\n"
}

// Four processes write while backups are made, one full and increments: each of them is
// whole, and the last has what all of them had written when they stopped.
func TestWhileOthersWrite(t *testing.T) {
	config := newHome(t)
	m := openHome(t, config)
	slot := newPartition(t, m, "a", "k1")
	var writers []*exec.Cmd
	var stop []io.Closer
	for n := range 4 {
		cmd, in := startChild(t, "write", config.Home, fmt.Sprint("w", n))
		defer cmd.Process.Kill()
		writers, stop = append(writers, cmd), append(stop, in)
	}
	by := key(t)
	var paths []string
	add := func() {
		since := ""
		if len(paths) > 0 {
			since = paths[len(paths)-1]
		}
		paths = append(paths, save(t, m, by, since, slot))
	}
	for range 5 {
		add()
		time.Sleep(50 * time.Millisecond)
	}
	for i, cmd := range writers {
		stop[i].Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	add()
	objects := -1
	for i := range paths {
		c := chain(t, by, paths[:i+1]...)
		if err := c.Verify(); err != nil {
			t.Fatalf("%d files: %v", i+1, err)
		}
		if n := c.Contents().Partitions[0].Objects; n == objects {
			t.Logf("nothing was written before backup %d", i)
		} else {
			objects = n
		}
	}
	to := openHome(t, newHome(t))
	list := restore(t, chain(t, by, paths...), to, Restoring{})
	want := look(t, m, slot)
	if got := look(t, to, list[0].At); !got.same(want) || len(got) < 10 {
		t.Errorf("restored %d keys of %d", len(got), len(want))
	}
}
