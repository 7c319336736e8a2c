package partition

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// fullRecorder is a log on a disk that has no room.
type fullRecorder struct {
	Recorder
	err error
}

func (r fullRecorder) Ready(audit.Anchor) error { return r.err }
func (r fullRecorder) Prepare(audit.Anchor, uint64, []audit.Event) (*audit.Pending, error) {
	return nil, r.err
}

// TestLoginWithoutRoom: a login that cannot be recorded is refused before it is written
// down, and so uses up no try, be the PIN right or wrong.
func TestLoginWithoutRoom(t *testing.T) {
	l := newLogged(t, false)
	id, err := l.Login(ck.CKU_SO, soPIN)
	l.do("Login", err)
	l.do("InitPIN", l.InitPIN(api.Caller{Identity: id, ReadWrite: true}, userPIN))
	disk := l.recorder
	l.recorder = fullRecorder{disk, &os.PathError{Op: "write", Path: "log", Err: syscall.ENOSPC}}
	for i := range 2 * l.o.Default().Tries {
		if _, err := l.Login(ck.CKU_USER, [][]byte{userPIN, []byte("wrong")}[i%2]); ck.Code(err) != ck.CKR_DEVICE_MEMORY {
			t.Fatalf("login %d: %v", i, err)
		}
	}
	l.recorder = disk
	if _, err := l.Login(ck.CKU_USER, userPIN); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestLoginKeepsRoom: after a login the log has room behind its end.
func TestLoginKeepsRoom(t *testing.T) {
	l := newLogged(t, false)
	_, err := l.Login(ck.CKU_SO, soPIN)
	l.do("Login", err)
	info, err := os.Stat(filepath.Join(l.o.Audit, "log"))
	l.do("Stat", err)
	if kept := info.Sys().(*syscall.Stat_t).Blocks * 512; kept < 64<<10 {
		t.Errorf("the log has %d bytes, and keeps %d", info.Size(), kept)
	}
}
