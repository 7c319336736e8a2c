package crashtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/store"
	"github.com/coffer-hsm/coffer/hsm/store/storetest"
	"golang.org/x/sys/unix"
)

// The test program runs itself again as one of these.
var children = map[string]func(args []string) error{
	"fault": faultChild,
	"crash": crashChild,
	"renew": renewChild,
	"work":  workChild,
	"slow":  slowChild,
}

func TestMain(m *testing.M) { storetest.Main(m, children) }

// faultChild does an action on copies of a partition, with each call that changes
// files refused in turn, and judges what is there afterwards. It prints how many
// there were.
func faultChild(args []string) error {
	base, a := args[0], actionOf(args[1])
	code, _ := strconv.Atoi(args[2])
	before, err := look(base)
	if err != nil {
		return err
	}
	var fault storetest.Fault
	if err := storetest.Watch(filepath.Dir(base), fault.Decide); err != nil {
		return err
	}
	for n := 1; ; n++ {
		dir := base + "-faults"
		if err := storetest.CopyTree(base, dir); err != nil {
			return err
		}
		met, err := oneFault(dir, a, before, func() { fault.Arm(n, unix.Errno(code)) }, fault.Disarm)
		if err != nil {
			return fmt.Errorf("fault %d, %v: %w", n, unix.Errno(code), err)
		}
		if !met {
			fmt.Println(n - 1)
			return nil
		}
	}
}

func oneFault(dir string, a action, before world, arm func(), disarm func() *storetest.Call) (met bool, err error) {
	k, err := open(dir, userPIN)
	if err != nil {
		return false, err
	}
	defer k.Close()
	arm()
	failed := a.do(k)
	refused := disarm()
	if failed == nil && refused != nil && refused.Op != storetest.Remove { // of what is not there
		return true, fmt.Errorf("nobody notices that %s was refused", refused.Op)
	}
	if failed != nil && refused == nil {
		return false, failed
	}
	now, err := look(dir)
	if err == nil {
		err = a.judge(before, now, failed == nil)
	}
	if err != nil {
		return true, err
	}
	// The process goes on, and has the same as others.
	if err := k.create("later"); err != nil {
		return true, fmt.Errorf("afterwards: %w", err)
	}
	now, err = look(dir)
	if err != nil {
		return true, err
	}
	own, err := k.keys()
	if err == nil && !now.same(world{own, now.pin}) {
		err = fmt.Errorf("one process has %q, another %q", own, now.keys)
	}
	return refused != nil, err
}

// Notes of crashChild.
const (
	acknowledged      = "acknowledged"
	acknowledgedLater = "later acknowledged"
	faultMet          = "fault met"
)

// crashChild logs in and does an action, with call number n refused with EIO if n is not 0,
// and then another; it writes down all calls, and what was acknowledged between them.
func crashChild(args []string) error {
	dir, a := args[0], actionOf(args[1])
	n, _ := strconv.Atoi(args[2])
	record := storetest.NewRecorder(os.Stdout)
	var fault storetest.Fault
	err := storetest.Watch(dir, func(c storetest.Call) storetest.Answer {
		answer := fault.Decide(c)
		record.Add(c, answer)
		return answer
	})
	if err != nil {
		return err
	}
	k, err := open(dir, userPIN) // the login writes as well
	if err != nil {
		return err
	}
	fault.Arm(n, unix.EIO)
	failed := a.do(k)
	if fault.Disarm() != nil {
		record.Note(faultMet)
	}
	if failed == nil {
		record.Note(acknowledged)
	} else if n == 0 || errors.Is(failed, store.ErrBusy) {
		return failed
	}
	if err := k.create("later"); err != nil {
		return err
	}
	record.Note(acknowledgedLater)
	return nil
}
