package private

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// actor is a user as whom a process of root's uses the files of a home, which is that
// user's: a thread that has the user and group of the owner to the file system and none of
// root's groups (credentials(7), setfsuid(2)). So root does there what the owner could do,
// and nothing else: what it makes is the owner's from the first moment, and a link or a pipe
// that the owner puts in its way leads nowhere that the owner could not go alone.
//
// The thread is for this only and lives as long as the process. No thread of the host ever
// changes whom it acts as, and there is no moment in which one would have to be changed back.
type actor struct {
	uid, gid int
	jobs     chan job
}

// job is something to be done as the actor.
type job struct {
	do   func()
	done chan error // why it could not be done
}

// actors are those that there are, and the homes where they act, by absolute path.
var actors struct {
	sync.Mutex
	all   []*actor
	homes atomic.Pointer[map[string]*actor] // never changed, but exchanged
}

// ErrActing: this process is root's, but cannot use the home of another user as that user.
var ErrActing = errors.New("root has to act as its owner here, and cannot")

// Enter looks whose the directory of a home is, by its absolute path, which may be a link.
// Where this process is root's and the home another user's, all that this package does with
// files at this path and below is done as that user from then on: ErrActing if it cannot be,
// or if that user cannot reach the directory.
func Enter(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	actors.Lock()
	defer actors.Unlock()
	uid, gid := ids(info)
	var a *actor
	if os.Geteuid() == 0 && uid != 0 {
		if a, err = actorOf(uid, gid); err != nil {
			return err
		}
	}
	setHome(filepath.Clean(dir), a)
	if _, err := Stat(dir); a != nil && err != nil {
		return fmt.Errorf("%w: user %d does not get there: %w", ErrActing, uid, err)
	}
	return nil
}

// actorOf finds or makes one. The caller holds the lock of actors.
func actorOf(uid, gid int) (*actor, error) {
	for _, a := range actors.all {
		if a.uid == uid && a.gid == gid {
			return a, a.act(func() {})
		}
	}
	a := &actor{uid, gid, make(chan job)}
	go a.serve()
	if err := a.act(func() {}); err != nil {
		close(a.jobs)
		return nil, err
	}
	actors.all = append(actors.all, a)
	return a, nil
}

// setHome notes who acts in a home; nil is the process itself. The caller holds the lock.
func setHome(dir string, a *actor) {
	homes := map[string]*actor{}
	if old := actors.homes.Load(); old != nil {
		if (*old)[dir] == a {
			return
		}
		for name, who := range *old {
			homes[name] = who
		}
	}
	homes[dir] = a
	if a == nil {
		delete(homes, dir)
	}
	actors.homes.Store(&homes)
}

// actorAt is who acts at a path: nil is the process itself, as it is where it has not
// entered another user's home, or is not root's any more.
func actorAt(path string) *actor {
	homes := actors.homes.Load()
	if homes == nil || len(*homes) == 0 || os.Geteuid() != 0 {
		return nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	var who *actor
	longest := 0
	for dir, a := range *homes {
		if rest, ok := strings.CutPrefix(path, dir); ok && (rest == "" || rest[0] == '/') && len(dir) > longest {
			who, longest = a, len(dir)
		}
	}
	return who
}

// serve does the jobs, in a thread that ends with it.
func (a *actor) serve() {
	runtime.LockOSThread() // and never unlock
	for j := range a.jobs {
		err := a.become()
		if err == nil {
			j.do()
		}
		j.done <- err
	}
}

// noFixup is SECBIT_NO_SETUID_FIXUP (capabilities(7)).
const noFixup = 1 << 2

// become makes this thread the user. It is done for every job: a host that changes its own
// user meanwhile changes that of all threads (nptl(7)). With the user go root's rights to
// all files (capabilities(7), "Effect of user ID changes on capabilities"), unless the process
// has asked to keep them.
func (a *actor) become() error {
	keeps, _ := unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0)
	_, _, err := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0) // of this thread alone
	unix.SetfsgidRetGid(a.gid)
	unix.SetfsuidRetUid(a.uid)
	gid, _ := unix.SetfsgidRetGid(-1) // changes nothing, and answers what is
	uid, _ := unix.SetfsuidRetUid(-1)
	if err != 0 || gid != a.gid || uid != a.uid || keeps&noFixup != 0 {
		return fmt.Errorf("%w: it takes CAP_SETUID and CAP_SETGID to be user %d", ErrActing, a.uid)
	}
	return nil
}

// act does something as the user: f, which only asks the system for one thing.
func (a *actor) act(f func()) error {
	j := job{f, make(chan error)}
	a.jobs <- j
	return <-j.done
}

// as does something with a path as who acts there.
func as[T any](path string, f func() (T, error)) (found T, err error) {
	a := actorAt(path)
	if a == nil {
		return f()
	}
	if failed := a.act(func() { found, err = f() }); failed != nil {
		return found, &os.PathError{Op: "use", Path: path, Err: failed}
	}
	return found, err
}

// Foreign reports whether this process is root's and acts as another user at a path.
func Foreign(path string) bool { return actorAt(path) != nil }

// Me is the user that this process acts as at a path.
func Me(path string) int {
	if a := actorAt(path); a != nil {
		return a.uid
	}
	return os.Geteuid()
}
