package backup

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"golang.org/x/sys/unix"
)

// The test program runs itself again as one of these.
var children = map[string]func(args []string) error{
	"fault":   faultChild,
	"only":    onlyChild,
	"part":    partChild,
	"placing": placingChild,
	"restore": restoreChild,
	"write":   writeChild,
}

func TestMain(m *testing.M) { storetest.Main(m, children) }

// scene is a home with a partition "a" that has moved on since it was backed up, and
// what restores that in its place.
type scene struct {
	config   hsm.Config
	path     string
	by       *age.X25519Identity
	old, now world
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{config: newHome(t), by: key(t)}
	m := openHome(t, s.config)
	slot := newPartition(t, m, "a", "k1", "k2")
	s.path = save(t, m, s.by, "", slot)
	s.old = look(t, m, slot)
	k := login(t, m, slot)
	k.destroy(t, "k1")
	k.create(t, "k3")
	k.logout()
	s.now = look(t, m, slot)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// run restores, in the place of what is there if replace is set.
func run(home, path, identity string, replace bool) error {
	by, err := age.ParseX25519Identity(identity)
	if err != nil {
		return err
	}
	m, err := hsm.Open(config(home))
	if err != nil {
		return err
	}
	defer m.Close()
	c, err := OpenChain([]string{path})
	if err != nil {
		return err
	}
	c.Keys = Identities{by}
	o := Restoring{Force: true}
	if replace {
		o.Replace = 1
	}
	_, err = c.Restore(m, o)
	return err
}

// peek opens a home as another process does and says what each slot holds.
func peek(home string) (map[ck.SlotID]world, error) {
	m, err := hsm.Open(config(home))
	if err != nil {
		return nil, err
	}
	defer m.Close()
	all := map[ck.SlotID]world{}
	for _, s := range m.Slots() {
		if s.Partition == nil {
			continue
		}
		id, err := s.Partition.Login(ck.CKU_USER, []byte(userPIN))
		if err != nil {
			return nil, fmt.Errorf("slot %d: %w", s.ID, err)
		}
		k := &token{s.Partition, api.Caller{Identity: id, Session: 1, ReadWrite: true}}
		if all[s.ID], err = k.world(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// finish has a repair do the rest of a restore, if one was cut off that is done.
func finish(home string) (finished bool, err error) {
	if _, err := os.Lstat(filepath.Join(home, "restore.list")); err != nil {
		return false, nil
	}
	r, err := hsm.Check(config(home), hsm.CheckOptions{Repair: true})
	if err == nil && (!r.Sound() || r.Quarantine != "") {
		err = fmt.Errorf("repair: %+v", r)
	}
	return true, err
}

// judge says whether a home is as a restore may leave it: what was there is whole, and
// the restored partition is there or not.
func (s *scene) judge(home string, replace, done bool) error {
	finished, err := finish(home)
	if err != nil {
		return err
	}
	done = done || finished
	all, err := peek(home)
	if err != nil {
		return err
	}
	one, two := all[1], all[2]
	restored := two.same(s.old) && two != nil
	kept := one.same(s.now)
	if replace {
		restored, kept = one.same(s.old), one.same(s.now) || one.same(s.old) && s.aside(home)
	}
	if !kept || done && !restored || len(all) > 2 || two != nil && !restored {
		return fmt.Errorf("done: %v; slots %v", done, all)
	}
	return nil
}

// aside reports whether what was replaced is there, whole.
func (s *scene) aside(home string) bool {
	found, _ := filepath.Glob(filepath.Join(home, "partitions", "1.replaced-*"))
	if len(found) != 1 {
		return false
	}
	back := filepath.Join(home, "partitions", "9")
	if err := os.Rename(found[0], back); err != nil {
		return false
	}
	beside := filepath.Join(back, "beside") // a copy that is meant (hsm/FORMAT.md)
	if err := os.WriteFile(beside, nil, 0o600); err != nil {
		return false
	}
	all, err := peek(home)
	return err == nil && all[9].same(s.now) && os.Remove(beside) == nil && os.Rename(back, found[0]) == nil
}

// copyHome makes to a copy of a home, with its configuration.
func copyHome(from, to string) error {
	conf, err := os.ReadFile(from + ".toml")
	if err == nil {
		err = os.WriteFile(to+".toml", conf, 0o600)
	}
	return errors.Join(err, storetest.CopyTree(from, to))
}

// faultChild restores into copies of a home, with each call that changes files refused
// in turn. It prints how many there were.
func faultChild(args []string) error {
	home, path, identity, replace := args[0], args[1], args[2], args[3] == "replace"
	code, _ := strconv.Atoi(args[4])
	s := &scene{}
	var err error
	if s.old, s.now, err = worldsOf(args[5:]); err != nil {
		return err
	}
	var fault storetest.Fault
	if err := storetest.Watch(filepath.Dir(home), fault.Decide); err != nil {
		return err
	}
	dir := home + "-faults"
	for n := 1; ; n++ {
		if err := copyHome(home, dir); err != nil {
			return err
		}
		fault.Arm(n, unix.Errno(code))
		failed := run(dir, path, identity, replace)
		refused := fault.Disarm()
		if refused == nil {
			fmt.Println(n - 1)
			return failed
		}
		// What the audit log refuses after a commit is in the store, and is made good later.
		inLog := filepath.Base(filepath.Dir(refused.Path)) == "audit"
		if failed == nil && refused.Op != storetest.Remove && !inLog {
			return fmt.Errorf("fault %d: nobody notices that %s of %s was refused", n, refused.Op, refused.Path)
		}
		if err := s.judge(dir, replace, failed == nil); err != nil {
			return fmt.Errorf("fault %d, %s of %s: %w", n, refused.Op, refused.Path, err)
		}
	}
}

// worldsOf reads worlds as the arguments of a child have them.
func worldsOf(args []string) (old, now world, err error) {
	if len(args) != 2 {
		return nil, nil, errors.New("two worlds are missing")
	}
	var list []world
	for _, text := range args {
		w := world{}
		for pair := range strings.SplitSeq(text, ",") {
			label, print, _ := strings.Cut(pair, "=")
			w[label] = print
		}
		list = append(list, w)
	}
	return list[0], list[1], nil
}

func (w world) text() string {
	var pairs []string
	for label, print := range maps.All(w) {
		pairs = append(pairs, label+"="+print)
	}
	return strings.Join(pairs, ",")
}

// restoreChild restores, and says when it is about to.
func restoreChild(args []string) error {
	fmt.Println("ready")
	err := run(args[0], args[1], args[2], args[3] == "replace")
	fmt.Println("done")
	return err
}

// writeChild creates and destroys keys in a partition until its input ends. Each key is
// called by the number of the child and counts up; one in two is destroyed again.
func writeChild(args []string) error {
	m, err := hsm.Open(config(args[0]))
	if err != nil {
		return err
	}
	defer m.Close()
	p := partitionIn(m, 1)
	id, err := p.Login(ck.CKU_USER, []byte(userPIN))
	if err != nil {
		return err
	}
	k := &token{p, api.Caller{Identity: id, Session: 1, ReadWrite: true}}
	stop := make(chan struct{})
	go func() { io.Copy(io.Discard, os.Stdin); close(stop) }()
	fmt.Println("ready")
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		label := fmt.Sprintf("%s-%d", args[1], n)
		if err := k.tryCreate(label); err != nil {
			return err
		}
		if n%2 == 1 {
			ids, err := k.AppendFound(nil, k.user, ck.Template{ck.String(ck.CKA_LABEL, label)})
			for _, id := range ids {
				err = errors.Join(err, k.DestroyObject(k.user, id))
			}
			if err != nil {
				return err
			}
		}
		time.Sleep(time.Millisecond)
	}
}
