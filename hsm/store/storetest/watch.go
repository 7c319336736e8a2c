package storetest

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Op is a kind of Call.
type Op string

// The system calls that are watched, and Note, which is none.
const (
	Create   Op = "create" // openat with O_CREAT
	Write    Op = "write"  // pwrite64: write(2), which programs use for all else too, is not watched
	Truncate Op = "truncate"
	Sync     Op = "sync" // fsync, fdatasync
	Rename   Op = "rename"
	Remove   Op = "remove"
	Note     Op = "note" // Recorder.Note: To is its text
)

// Call is a system call on a file below the directory that is watched.
type Call struct {
	Op     Op
	Path   string // absolute
	To     string // of a Rename: the new name
	Offset int64  // of a Write, or the size of a Truncate
	Data   []byte // of a Write
	Errno  unix.Errno
}

// Answer is what becomes of a Call: it is made after a Delay, or refused with
// Errno unless that is 0.
type Answer struct {
	Delay time.Duration
	Errno unix.Errno
}

// Watch has decide asked about every Call of this process on files below dir,
// before it is made, one after the other. It cannot be undone: a process that
// watches itself is made for that. decide must make none of the calls itself.
func Watch(dir string, decide func(Call) Answer) error {
	w := &watcher{dir: dir + string(filepath.Separator), decide: decide}
	var err error
	if w.memory, err = os.Open("/proc/self/mem"); err != nil {
		return err
	}
	if w.fd, err = listen(); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	go w.serve()
	return nil
}

// filter lists the calls that are watched.
var filter = []uintptr{
	unix.SYS_PWRITE64, unix.SYS_FTRUNCATE, unix.SYS_FSYNC, unix.SYS_FDATASYNC,
	unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT,
}

// listen installs the filter in all threads and returns what its notices come
// from (seccomp(2), seccomp_unotify(2)).
func listen() (uintptr, error) {
	const arg2 = 16 + 2*8 // the low half of seccomp_data.args[2], little-endian
	stmt := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	jump := func(code uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: code, Jt: yes, Jf: no, K: k}
	}
	program := []unix.SockFilter{stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0)}
	n := len(filter)
	for i, nr := range filter {
		program = append(program, jump(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, uint32(nr), uint8(n-i+3), 0))
	}
	program = append(program,
		jump(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, unix.SYS_OPENAT, 0, 2),
		stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, arg2),
		jump(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, unix.O_CREAT, 1, 0),
		stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW),
		stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_USER_NOTIF))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	all := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&all)))
	if errno != 0 {
		return 0, errno
	}
	return fd, nil
}

// notice and reply are seccomp_notif and seccomp_notif_resp.
type notice struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type reply struct {
	id    uint64
	val   int64
	err   int32
	flags uint32
}

type watcher struct {
	dir    string
	fd     uintptr
	memory *os.File
	decide func(Call) Answer
}

func (w *watcher) serve() {
	for {
		var n notice
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, w.fd, unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
		if errno != 0 {
			continue // EINTR, or the caller is gone
		}
		c, ours := w.call(&n)
		if !ours {
			w.answer(n.id, 0)
			continue
		}
		a := w.decide(c)
		if a.Delay == 0 {
			w.answer(n.id, a.Errno)
			continue
		}
		time.AfterFunc(a.Delay, func() { w.answer(n.id, a.Errno) })
	}
}

func (w *watcher) answer(id uint64, errno unix.Errno) {
	r := reply{id: id, err: -int32(errno)}
	if errno == 0 {
		r.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
	}
	unix.Syscall(unix.SYS_IOCTL, w.fd, unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
}

// call reads what a notice is about; ours is false if it is no file below dir.
func (w *watcher) call(n *notice) (c Call, ours bool) {
	a := n.args
	switch uintptr(n.nr) {
	case unix.SYS_OPENAT:
		c = Call{Op: Create, Path: w.text(a[1])}
	case unix.SYS_PWRITE64:
		c = Call{Op: Write, Path: name(a[0]), Offset: int64(a[3])}
	case unix.SYS_FTRUNCATE:
		c = Call{Op: Truncate, Path: name(a[0]), Offset: int64(a[1])}
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		c = Call{Op: Sync, Path: name(a[0])}
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		c = Call{Op: Rename, Path: w.text(a[1]), To: w.text(a[3])}
	case unix.SYS_UNLINKAT:
		c = Call{Op: Remove, Path: w.text(a[1])}
	}
	ours = strings.HasPrefix(c.Path+string(filepath.Separator), w.dir)
	if ours && c.Op == Write {
		c.Data = w.read(a[1], int(a[2]))
	}
	return c, ours
}

// name is the path of an open file.
func name(fd uint64) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	return path
}

// read copies memory of the caller, which is this process.
func (w *watcher) read(at uint64, size int) []byte {
	b := make([]byte, size)
	n, _ := w.memory.ReadAt(b, int64(at))
	return b[:n]
}

func (w *watcher) text(at uint64) string {
	b := w.read(at, unix.PathMax)
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return string(b)
}

// Recorder writes Calls down as they come, so that a process may be killed at any.
type Recorder struct {
	mu  sync.Mutex
	out *gob.Encoder
}

// NewRecorder returns a Recorder that writes to w.
func NewRecorder(w io.Writer) *Recorder { return &Recorder{out: gob.NewEncoder(w)} }

// Add writes a Call down, with the answer it gets.
func (r *Recorder) Add(c Call, a Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Errno = a.Errno
	r.out.Encode(c)
}

// Note writes a remark between the Calls.
func (r *Recorder) Note(text string) { r.Add(Call{Op: Note, To: text}, Answer{}) }

// ReadRecord reads what a Recorder wrote, up to where its process was killed.
func ReadRecord(r io.Reader) (calls []Call, err error) {
	for in := gob.NewDecoder(r); ; {
		var c Call
		err := in.Decode(&c)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return calls, nil
		}
		if err != nil {
			return calls, err
		}
		calls = append(calls, c)
	}
}

// SlowSyncs has each fsync below dir take d, and say so on standard output before, a line
// each: "sync".
func SlowSyncs(dir string, d time.Duration) error {
	return Watch(dir, func(c Call) Answer {
		if c.Op != Sync {
			return Answer{}
		}
		fmt.Println("sync")
		return Answer{Delay: d}
	})
}
