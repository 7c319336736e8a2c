package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"golang.org/x/sys/unix"
)

// The test program runs itself again as one of these children, with a directory.
var children = map[string]func(dir string) error{
	"increment":      incrementChild,
	"write":          writeChild,
	"hold":           holdChild,
	"create":         createChild,
	"full":           fullChild,
	"slow":           slowChild,
	"read":           readChild,
	"compact":        compactChild,
	"create faults":  createFaultsChild,
	"compact faults": compactFaultsChild,
}

func TestMain(m *testing.M) {
	withDir := map[string]func(args []string) error{}
	for name, f := range children {
		withDir[name] = func(args []string) error { return f(args[0]) }
	}
	storetest.Main(m, withDir)
}

// newDir makes a store and returns its directory.
func newDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	s, err := CreateFile(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	return dir
}

func reopen(t *testing.T, dir string) Store {
	t.Helper()
	s, err := OpenFile(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

const incrementsEach = 200

func incrementMany(s Store) error {
	for range incrementsEach {
		if err := increment(s); err != nil {
			return err
		}
	}
	return nil
}

func incrementChild(dir string) error {
	s, err := OpenFile(dir, Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	return incrementMany(s)
}

// Two processes, and two Stores that know nothing of each other in a third, lose
// no update between them, and each sees the word change with the others' commits.
func TestProcessesLoseNothing(t *testing.T) {
	dir := newDir(t)
	watcher := reopen(t, dir)
	word := watcher.Generation()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := storetest.Child("increment", dir).Run(); err != nil {
				t.Error(err)
			}
		})
		s := reopen(t, dir)
		wg.Go(func() {
			if err := incrementMany(s); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := counter(t, watcher); n != 4*incrementsEach {
		t.Errorf("%d of %d increments", n, 4*incrementsEach)
	}
	if watcher.Generation() == word {
		t.Error("the word never changed")
	}
}

// writeChild increments until it is killed and tells each success.
func writeChild(dir string) error {
	s, err := OpenFile(dir, Options{})
	if err != nil {
		return err
	}
	for {
		var n string
		err := s.Update(func(x Tx) error {
			r, _ := x.Meta("counter")
			i, _ := strconv.Atoi(string(r))
			n = strconv.Itoa(i + 1)
			for part := range 4 { // several pages
				if err := x.Put(id(part), []byte(strings.Repeat(n+" ", 200))); err != nil {
					return err
				}
			}
			return x.PutMeta("counter", []byte(n))
		})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// Writers are killed at any moment; what they had been told is durable is there,
// and nothing is half there, not for those either who read all the while.
func TestKilledWriters(t *testing.T) {
	dir := newDir(t)
	for range 2 {
		reader := storetest.Child("read", dir)
		in, err := reader.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			in.Close()
			if err := reader.Wait(); err != nil {
				t.Errorf("a reader: %v", err)
			}
		}()
	}
	var acknowledged atomic.Int64
	deadline := time.Now().Add(soak.Or(time.Minute, 3*time.Second))
	kills := 0
	for ; time.Now().Before(deadline) || kills < 5 || acknowledged.Load() < 20; kills++ {
		var wg sync.WaitGroup
		for _, name := range []string{"write", "write", "compact"} {
			cmd := storetest.Child(name, dir)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			life := time.Duration(kills%17) * time.Millisecond // from its first write on
			wg.Go(func() {
				acknowledge(out, &acknowledged, func() { time.AfterFunc(life, func() { cmd.Process.Kill() }) })
				cmd.Wait()
			})
		}
		wg.Wait()
		checkWhole(t, dir, acknowledged.Load())
	}
	t.Logf("%d kills, %d writes", kills, acknowledged.Load())
}

// compactChild compacts until it is killed.
func compactChild(dir string) error {
	s, err := OpenFile(dir, Options{})
	if err != nil {
		return err
	}
	for {
		if _, _, err := s.(Compacter).Compact(); err != nil {
			return err
		}
		fmt.Println("compacted")
		time.Sleep(5 * time.Millisecond) // the others are to get in, too
	}
}

// acknowledge keeps the greatest number that a child printed as a whole line, and
// calls begun after the first.
func acknowledge(out io.Reader, greatest *atomic.Int64, begun func()) {
	r := bufio.NewReader(out)
	for first := true; ; first = false {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if first {
			begun()
		}
		n, _ := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		for old := greatest.Load(); n > old && !greatest.CompareAndSwap(old, n); old = greatest.Load() {
		}
	}
}

func checkWhole(t *testing.T, dir string, acknowledged int64) {
	t.Helper()
	s := reopen(t, dir)
	defer s.Close()
	n, err := wholeCounter(s)
	if err != nil || n < acknowledged {
		t.Fatalf("counter %d, %d were acknowledged: %v", n, acknowledged, err)
	}
}

// holdChild stays in an Update until its input ends.
func holdChild(dir string) error {
	s, err := OpenFile(dir, Options{})
	if err != nil {
		return err
	}
	return s.Update(func(x Tx) error {
		if err := x.PutMeta("held", nil); err != nil {
			return err
		}
		fmt.Println("held")
		bufio.NewReader(os.Stdin).ReadString('\n')
		return nil
	})
}

// While another process is in an Update, other writers wait, but not for ever,
// and readers go on and see nothing of it.
func TestBusy(t *testing.T) {
	dir := newDir(t)
	cmd := storetest.Child("hold", dir)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bufio.NewReader(out).ReadString('\n')
	s, err := OpenFile(dir, Options{Wait: 60 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(put(1, "x")); !errors.Is(err, ErrBusy) {
		t.Errorf("a second Update: %v", err)
	}
	held := func() (there bool) {
		if err := s.View(func(x Tx) error { _, there = x.Meta("held"); return nil }); err != nil {
			t.Error(err)
		}
		return there
	}
	if held() {
		t.Error("what was not committed is seen")
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !held() {
		t.Error("what was committed is not seen")
	}
}

// Views of several Stores run at the same time.
func TestViewsShare(t *testing.T) {
	dir := newDir(t)
	a, b := reopen(t, dir), reopen(t, dir)
	err := a.View(func(Tx) error { return b.View(func(Tx) error { return nil }) })
	if err != nil {
		t.Fatal(err)
	}
}

// The hook is entered before there is a lock to inherit and left after.
func TestTransactionHook(t *testing.T) {
	dir := newDir(t)
	s := reopen(t, dir)
	var depth, most atomic.Int32
	SetTransactionHook(
		func() { most.Store(max(most.Load(), depth.Add(1))) },
		func() {
			if depth.Add(-1) < 0 {
				t.Error("left more often than entered")
			}
		})
	defer installHook.Store(nil)
	s.View(func(Tx) error {
		if depth.Load() != 1 {
			t.Error("a View outside the hook")
		}
		return nil
	})
	s.Update(func(Tx) error { return errors.New("undo") })
	if depth.Load() != 0 || most.Load() != 1 {
		t.Errorf("depth %d at the end, %d at most", depth.Load(), most.Load())
	}
}

// A child that inherits the descriptors of an open transaction keeps no lock
// once the transaction has ended.
func TestInheritedDescriptors(t *testing.T) {
	dir := newDir(t)
	s, other := reopen(t, dir), reopen(t, dir)
	var copies []int
	err := s.View(func(x Tx) error {
		for _, name := range openFiles(t, dir) { // a dup shares the lock, as a forked child does
			fd, err := unix.Dup(name)
			if err != nil {
				return err
			}
			copies = append(copies, fd)
		}
		return nil
	})
	if err != nil || len(copies) != 2 {
		t.Fatal(len(copies), err)
	}
	start := time.Now()
	update(t, other, put(1, "x"))
	if took := time.Since(start); took > time.Second {
		t.Errorf("the Update waited %v", took)
	}
	for _, fd := range copies {
		unix.Close(fd)
	}
	if left := openFiles(t, dir); len(left) != 0 {
		t.Errorf("%d files stay open between transactions", len(left))
	}
}

// openFiles lists the descriptors of files in dir.
func openFiles(t *testing.T, dir string) (fds []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		target, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if filepath.Dir(target) == dir {
			fd, _ := strconv.Atoi(e.Name())
			fds = append(fds, fd)
		}
	}
	return fds
}
