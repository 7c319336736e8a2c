package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"golang.org/x/sys/unix"
)

// slowChild commits on a disk that takes a second for every fdatasync, and tells
// of each that begins.
func slowChild(dir string) error {
	s, err := OpenFile(dir, Options{})
	if err != nil {
		return err
	}
	if err := storetest.SlowSyncs(dir, time.Second); err != nil {
		return err
	}
	done := make(chan error)
	go func() { done <- s.Update(func(x Tx) error { return x.PutMeta("slow", []byte("new")) }) }()
	for {
		select {
		case err := <-done:
			return err
		default: // the writer's own process reads, too
			if took, err := timedView(s); err != nil || took > patience {
				return fmt.Errorf("a View beside the writer took %v: %v", took, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// patience is what a View may take on a busy machine; a commit of slowChild takes
// 2 s.
const patience = 500 * time.Millisecond

func timedView(s Store) (time.Duration, error) {
	start := time.Now()
	err := s.View(func(x Tx) error { x.Meta("slow"); return nil })
	return time.Since(start), err
}

func start(t *testing.T, name, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := storetest.Child(name, dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, bufio.NewReader(out)
}

// A reader does not wait while a writer waits for the disk, neither in another
// process nor in the writer's own, and sees the one state or the other.
func TestReadersDoNotWait(t *testing.T) {
	dir := newDir(t)
	s := reopen(t, dir)
	update(t, s, func(x Tx) error { return x.PutMeta("slow", []byte("old")) })
	cmd, out := start(t, "slow", dir)
	out.ReadString('\n')
	word := s.Generation()
	var longest time.Duration
	for range 100 {
		took, err := timedView(s)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, took)
		if again := s.Generation(); again == word {
			t.Fatal("the same Generation twice while a commit is under way")
		} else {
			word = again
		}
	}
	t.Logf("the longest View took %v", longest)
	if longest > patience {
		t.Errorf("a View took %v", longest)
	}
	if other, err := OpenFile(dir, Options{Wait: 20 * time.Millisecond}); err != nil {
		t.Errorf("opening beside a writer: %v", err)
	} else if err := other.Update(put(1, "x")); !errors.Is(err, ErrBusy) {
		t.Errorf("a second writer: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if s.Generation() != s.Generation() {
		t.Error("Generation changes when nobody commits")
	}
	s.View(func(x Tx) error {
		if v, _ := x.Meta("slow"); string(v) != "new" {
			t.Errorf("after the commit: %q", v)
		}
		return nil
	})
}

// A writer is killed when its state can be seen and is perhaps not on the disk.
// Who looks after that sees a state that stays, and the next writer makes sure of
// it before it builds on it.
func TestKilledInCommit(t *testing.T) {
	for syncs := 1; syncs <= 2; syncs++ {
		dir := newDir(t)
		s := reopen(t, dir).(*file)
		cmd, out := start(t, "slow", dir)
		for range syncs {
			out.ReadString('\n')
		}
		cmd.Process.Kill()
		cmd.Wait()
		if !s.page.in(committing) {
			t.Fatal("the writer was not in its commit")
		}
		if took, err := timedView(s); err != nil || took > patience {
			t.Errorf("a View took %v: %v", took, err)
		}
		if !s.page.in(cutOff) || s.Generation() != s.Generation() {
			t.Error("the commit was not ended")
		}
		_, generation := content(t, s)
		if want := uint64(syncs - 1); generation != want { // the second comes after the page that counts
			t.Errorf("killed in sync %d: generation %d", syncs, generation)
		}
		update(t, s, put(1, "next"))
		if !s.page.in(settled) {
			t.Error("the next commit did not settle it")
		}
	}
}

// readSlowly reads all records of writeSet again and again in one View, as long as
// no commit that came in between, until it has seen them for long or of two
// transactions.
func readSlowly(s Store, unlocked bool) (torn bool, err error) {
	err = s.View(func(x Tx) error {
		if unlocked { // what bbolt does against writers, on top of ours
			unix.Flock(int(x.(*fileTx).f.Fd()), unix.LOCK_UN)
		}
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end) && !torn; {
			torn = !isSet(x)
		}
		return nil
	})
	return torn, err
}

const setSize = 40

// writeSet is one transaction of many pages.
func writeSet(n int) func(Tx) error {
	return func(x Tx) error {
		for i := range setSize {
			if err := x.Put(id(i), []byte(strings.Repeat(strconv.Itoa(n)+" ", 300))); err != nil {
				return err
			}
		}
		return nil
	}
}

func isSet(x Tx) bool {
	var first string
	n := 0
	for _, r := range x.All() {
		if n++; n == 1 {
			first = string(r)
		} else if string(r) != first {
			return false
		}
	}
	return n == setSize
}

// No page changes under a reader, however long it stays; and it is the lock of
// readers that sees to it: with a writer that asks for another, pages do change.
func TestPagesStayUnderReaders(t *testing.T) {
	for _, protected := range []bool{true, false} {
		dir := newDir(t)
		reader, writer := reopen(t, dir), reopen(t, dir).(*file)
		update(t, writer, writeSet(0))
		if !protected {
			elsewhere := reopen(t, newDir(t)).(*file)
			g := *writer.guard
			g.path, g.page = elsewhere.guard.path, elsewhere.page
			writer.guard = &g
		}
		var stop atomic.Bool
		var wg sync.WaitGroup
		wg.Go(func() {
			for n := 1; !stop.Load(); n++ {
				if err := writer.Update(writeSet(n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
		torn, err := readSlowly(reader, !protected)
		stop.Store(true)
		wg.Wait()
		if protected && (torn || err != nil) {
			t.Errorf("pages changed under a reader: %v", err)
		}
		if !protected && !torn && err == nil {
			t.Error("without the lock nothing happens, so this test shows nothing")
		}
	}
}

// readChild follows the counter of writeChild with two Stores until its input
// ends: one that looks each time, one that looks when Generation changes.
func readChild(dir string) error {
	looking, err := OpenFile(dir, Options{})
	if err != nil {
		return err
	}
	cached, err := OpenFile(dir, Options{})
	if err != nil {
		return err
	}
	over := make(chan struct{})
	go func() { io.Copy(io.Discard, os.Stdin); close(over) }()
	var last, known int64
	var seen uint64
	for {
		select {
		case <-over:
			return nil
		default:
		}
		now, err := wholeCounter(looking)
		if err == nil && now < last {
			err = fmt.Errorf("%d after %d", now, last)
		}
		if err == nil {
			last = now
			if word := cached.Generation(); word != seen {
				seen = word
				known, err = wholeCounter(cached)
			}
		}
		if err == nil && known < last {
			err = fmt.Errorf("a reader that watches Generation has %d, one that looks %d", known, last)
		}
		if err != nil {
			return err
		}
	}
}

// wholeCounter is the counter of writeChild, if all it writes is of one
// transaction.
func wholeCounter(s Store) (n int64, err error) {
	err = s.View(func(x Tx) error {
		r, _ := x.Meta("counter")
		n, _ = strconv.ParseInt(string(r), 10, 64)
		if uint64(n) != x.Generation() {
			return fmt.Errorf("counter %d at generation %d", n, x.Generation())
		}
		for id, record := range x.All() {
			if string(record) != strings.Repeat(string(r)+" ", 200) {
				return fmt.Errorf("record %x is of another transaction than %d", id, n)
			}
		}
		return nil
	})
	return n, err
}

// The lock of writers is on the directory, so nothing can be put in its place,
// and no file is added to stores that older versions use as well.
func TestNoNewFiles(t *testing.T) {
	dir := newDir(t)
	update(t, reopen(t, dir), put(1, "x"))
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
}
