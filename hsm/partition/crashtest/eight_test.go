package crashtest

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coffer-hsm/coffer/hsm/soak"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
)

const processes = 8

// workChild makes, finds, uses, changes and destroys keys of its own, and looks at
// those of the others, until it is told to stop or killed. The first argument is the
// partition, the second its name, which labels begin with. It tells what it is about
// to do, and when that was acknowledged:
//
//	want LABEL FINGERPRINT    FINGERPRINT is "-" for gone and "?" for new
//	done LABEL FINGERPRINT
func workChild(args []string) error {
	k, err := open(args[0], userPIN)
	if err != nil {
		return err
	}
	defer k.Close()
	stop := make(chan struct{})
	go func() { bufio.NewReader(os.Stdin).ReadString('\n'); close(stop) }()
	w := worker{token: k, name: args[1], own: map[string]string{}}
	for n := 0; ; n++ {
		select {
		case <-stop:
			return w.report()
		default:
		}
		if err := w.step(n); err != nil {
			return fmt.Errorf("%s, step %d: %w", w.name, n, err)
		}
	}
}

type worker struct {
	*token
	name string
	own  map[string]string // what this process made and has not destroyed
}

// step does one change and checks one thing.
func (w *worker) step(n int) error {
	label := fmt.Sprintf("%s.%d", w.name, n)
	for old, print := range w.own {
		switch {
		case len(w.own) > 5:
			return w.change(old, "-", func() error { return w.destroy(old) })
		case rand.IntN(3) == 0:
			fmt.Println("want", label, print)
			return w.change(old, "-", func() error { return w.rename(old, label) }, label, print)
		}
		if err := w.check(old, print); err != nil { // no update of this one is lost
			return err
		}
		break
	}
	if _, err := w.keys(); err != nil { // all of the others' can be used, if they are there
		return err
	}
	fmt.Println("want", label, "?")
	if err := w.create(label); err != nil {
		return err
	}
	id, err := w.find(label)
	if err != nil {
		return err
	}
	out, err := w.use(id)
	if err != nil {
		return err
	}
	w.done(label, hex.EncodeToString([]byte(out)))
	return nil
}

// change does something to a key, after which it has that fingerprint and perhaps
// another label, too.
func (w *worker) change(label, print string, do func() error, more ...string) error {
	fmt.Println("want", label, print)
	if err := do(); err != nil {
		return err
	}
	w.done(label, print)
	if len(more) > 0 {
		w.done(more[0], more[1])
	}
	return nil
}

func (w *worker) done(label, print string) {
	fmt.Println("done", label, print)
	if w.own[label] = print; print == "-" {
		delete(w.own, label)
	}
}

func (w *worker) check(label, print string) error {
	id, err := w.find(label)
	if err != nil {
		return err
	}
	out, err := w.use(id)
	if err == nil && hex.EncodeToString([]byte(out)) != print {
		err = fmt.Errorf("%s is another key now", label)
	}
	return err
}

// report tells all that this process sees, when told to stop a second time.
func (w *worker) report() error {
	fmt.Println("stopped")
	bufio.NewReader(os.Stdin).ReadString('\n')
	all, err := w.keys()
	if err != nil {
		return err
	}
	for label, print := range all {
		fmt.Println("sees", label, hex.EncodeToString([]byte(print)))
	}
	return nil
}

// ledger is what the workers have told.
type ledger struct {
	mu      sync.Mutex
	done    map[string]string // by label: what was acknowledged last
	pending map[string]string // what was to come after that
}

func newLedger() *ledger { return &ledger{done: map[string]string{}, pending: map[string]string{}} }

// note takes a line of a worker. One that was killed may have left half of one.
func (l *ledger) note(line string) {
	f := strings.Fields(line)
	if len(f) != 3 || !strings.HasSuffix(line, "\n") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch f[0] {
	case "want":
		l.pending[f[1]] = f[2]
	case "done":
		l.done[f[1]] = f[2]
		delete(l.pending, f[1])
	}
}

// judge compares what there is with what was told, and takes what there is as the
// truth about what nobody was told.
func (l *ledger) judge(keys map[string]string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := map[string]string{}
	for label, print := range keys {
		now[label] = hex.EncodeToString([]byte(print))
	}
	prints := map[string]int{}
	for _, print := range now {
		prints[print]++
	}
	for label, print := range l.pending { // a new label of a key that was there: one or the other
		if print != "-" && print != "?" && prints[print] != 1 {
			return fmt.Errorf("the key %s that was to be called %s is there %d times", print, label, prints[print])
		}
	}
	for label, print := range l.done {
		there := now[label]
		if there == "" {
			there = "-"
		}
		if want, open := l.pending[label]; there != print && !(open && there == want) {
			return fmt.Errorf("%s is %s, acknowledged was %s", label, there, print)
		}
		l.done[label] = there
		delete(now, label)
	}
	for label, there := range now {
		want, open := l.pending[label]
		if !open || want != "?" && there != want {
			return fmt.Errorf("nobody made %s", label)
		}
		l.done[label] = there
	}
	clear(l.pending)
	return nil
}

// run starts a worker. Its lines go to the ledger and, if it is not nil, to seen.
func (l *ledger) run(dir, name string, seen func(line string)) (*exec.Cmd, func(), <-chan error) {
	cmd := storetest.Child("work", dir, name)
	in, _ := cmd.StdinPipe()
	out, err := cmd.StdoutPipe()
	ended := make(chan error, 1)
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		ended <- err
		return cmd, func() {}, ended
	}
	go func() {
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			l.note(line)
			if seen != nil {
				seen(line)
			}
			if err != nil {
				break
			}
		}
		ended <- cmd.Wait()
	}()
	return cmd, func() { in.Write([]byte("\n")) }, ended
}

// Eight processes make, find, use, change and destroy keys at once. No change of
// any is lost, none fails, and in the end all see the same.
func TestEightAtOnce(t *testing.T) {
	dir, base := newToken(t)
	l := newLedger()
	for label, print := range base.keys {
		l.done[label] = hex.EncodeToString([]byte(print))
	}
	var mu sync.Mutex
	views := make([]map[string]string, processes)
	var stopped sync.WaitGroup
	stopped.Add(processes)
	var stops []func()
	var ends []<-chan error
	for i := range processes {
		views[i] = map[string]string{}
		once := sync.OnceFunc(stopped.Done)
		_, stop, ended := l.run(dir, "p"+strconv.Itoa(i), func(line string) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "sees" {
				mu.Lock()
				views[i][f[1]] = f[2]
				mu.Unlock()
			} else if len(f) < 2 { // stopped, or the end
				once()
			}
		})
		stops, ends = append(stops, stop), append(ends, ended)
	}
	time.Sleep(soak.Or(time.Minute, 5*time.Second))
	for range 2 { // when all have stopped, all look
		for _, stop := range stops {
			stop()
		}
		stopped.Wait()
	}
	for i, ended := range ends {
		if err := <-ended; err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		if !maps.Equal(views[i], views[0]) {
			t.Errorf("process %d sees %d keys, the first %d, or others", i, len(views[i]), len(views[0]))
		}
	}
	l.verify(t, dir)
	t.Logf("%d labels, %d keys are left", len(l.done), len(views[0]))
	if len(l.done) < 3*processes {
		t.Errorf("%d labels show nothing", len(l.done))
	}
}

// verify reads every record of a partition, with its digest, uses every key, and checks
// the whole.
func (l *ledger) verify(t *testing.T, dir string) {
	t.Helper()
	now, err := look(dir)
	if err == nil {
		err = l.judge(now.keys)
	}
	if err == nil {
		err = check(dir, now.pin)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// One of eight at random is killed again and again; now and then the others stop as
// well, and everything is read.
func TestOneOfEightKilled(t *testing.T) {
	kills, between, random := soak.Or(500, 20), soak.Or(20, 10), soak.Random(t)
	dir, base := newToken(t)
	l := newLedger()
	for label, print := range base.keys {
		l.done[label] = hex.EncodeToString([]byte(print))
	}
	for killed, round := 0, 0; killed < kills; round++ {
		type running struct {
			cmd   *exec.Cmd
			ended <-chan error
		}
		var all [processes]running
		start := func(i, n int) {
			begun := make(chan struct{})
			once := sync.OnceFunc(func() { close(begun) })
			cmd, _, ended := l.run(dir, fmt.Sprintf("r%dp%dn%d", round, i, n), func(string) { once() })
			all[i] = running{cmd, ended}
			<-begun
		}
		kill := func(i int) {
			all[i].cmd.Process.Kill()
			if err := <-all[i].ended; err == nil || !strings.Contains(err.Error(), "killed") {
				t.Errorf("process %d: %v", i, err)
			}
		}
		for i := range all {
			start(i, 0)
		}
		for n := 1; n <= between; n++ {
			time.Sleep(time.Duration(random.IntN(30_000)) * time.Microsecond)
			i := random.IntN(processes)
			kill(i)
			killed++
			start(i, n)
		}
		for i := range all {
			kill(i)
		}
		killed += processes
		l.verify(t, dir)
	}
}
