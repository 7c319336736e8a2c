package seal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Holders lists the places for unlocked root keys, the better first: the kernel's
// keyring of the user, and, where that is refused as in many containers, a file in
// the user's runtime directory (XDG_RUNTIME_DIR; empty if there is none).
func Holders(runtimeDir string) []Holder {
	holders := []Holder{keyring{}}
	if filepath.IsAbs(runtimeDir) {
		holders = append(holders, runtimeFile(filepath.Join(runtimeDir, "coffer")))
	}
	return holders
}

// keyring is the user keyring (user-keyring(7)): all processes of a user share it, and
// nobody else.
type keyring struct{}

const (
	keyType = "user"
	// Who has the key in a keyring of his own may do all with it; another process of
	// the user may see, read and find it. The group and others may do nothing.
	keyPermissions = 0x3f00_0000 | 0x0001_0000 | 0x0002_0000 | 0x0008_0000
)

func keyDescription(root string) string { return "coffer:root:" + root }

func (keyring) Name() string { return "kernel keyring of the user" }

func (keyring) Get(root string) (*secret.Bytes, error) {
	id, err := findKey(root)
	if err != nil {
		return nil, err
	}
	key := secret.New(KeySize)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, key.Expose(), 0)
	if err == nil && n != KeySize {
		err = fmt.Errorf("it has %d bytes", n)
	}
	if err != nil {
		key.Zero()
		return nil, keyringError(err)
	}
	return key, nil
}

func findKey(root string) (int, error) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, keyType, keyDescription(root), 0)
	if err != nil {
		return 0, keyringError(err)
	}
	return id, nil
}

// keyringError tells a key that is not there from a system without keyrings.
func keyringError(err error) error {
	switch {
	case errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED):
		return ErrNotHeld
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EOPNOTSUPP):
		return ErrHolder // seccomp refuses the calls
	}
	return err
}

// Hold adds the key. Only who possesses a key may set its time and its permissions,
// and the user keyring need not hang below that of the session: so it is linked to the
// keyring of a thread that ends with the call.
func (k keyring) Hold(root string, key *secret.Bytes, d time.Duration) error {
	defer runtime.KeepAlive(key)
	if err := k.Drop(root); err != nil && !errors.Is(err, ErrNotHeld) {
		return err
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread and its keyring go
		done <- addKey(root, key.Expose(), d)
	}()
	return <-done
}

func addKey(root string, key []byte, d time.Duration) error {
	const ring = unix.KEY_SPEC_USER_KEYRING
	if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, ring, unix.KEY_SPEC_THREAD_KEYRING, 0, 0); err != nil {
		return keyringError(err)
	}
	id, err := unix.AddKey(keyType, keyDescription(root), key, ring)
	if err != nil {
		return keyringError(err)
	}
	_, err = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, int(d/time.Second), 0, 0)
	if err == nil {
		err = unix.KeyctlSetperm(id, keyPermissions)
	}
	if err != nil {
		unix.KeyctlInt(unix.KEYCTL_UNLINK, id, ring, 0, 0)
		return keyringError(err)
	}
	return nil
}

func (keyring) Drop(root string) error {
	id, err := findKey(root)
	if err != nil {
		return err
	}
	unix.KeyctlInt(unix.KEYCTL_INVALIDATE, id, 0, 0, 0) // at once, for all who have it open
	_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOKEY) {
		err = nil // gone with the above
	}
	return err
}

// runtimeFile is a folder in a runtime directory. A file in it ends at its time of
// modification.
type runtimeFile string

func (f runtimeFile) Name() string { return "file in " + string(f) }

func (f runtimeFile) path(root string) string { return filepath.Join(string(f), root+".root") }

func (f runtimeFile) Get(root string) (*secret.Bytes, error) {
	info, err := os.Lstat(f.path(root))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotHeld
	}
	if err != nil {
		return nil, err
	}
	if !time.Now().Before(info.ModTime()) {
		f.Drop(root)
		return nil, ErrNotHeld
	}
	return heldKeyText.read(f.path(root))
}

func (f runtimeFile) Hold(root string, key *secret.Bytes, d time.Duration) error {
	if err := os.Mkdir(string(f), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return ErrHolder
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(string(f), &fs); err != nil || fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.RAMFS_MAGIC {
		return fmt.Errorf("%w: it is not in memory (tmpfs)", ErrHolder)
	}
	text := heldKeyText.format(key)
	defer text.Zero()
	whole, err := stage(string(f), text.Expose())
	if err != nil {
		return err
	}
	defer os.Remove(whole)
	if err := os.Chtimes(whole, time.Time{}, time.Now().Add(d)); err != nil {
		return err
	}
	return os.Rename(whole, f.path(root))
}

func (f runtimeFile) Drop(root string) error {
	err := os.Remove(f.path(root))
	if errors.Is(err, os.ErrNotExist) {
		return ErrNotHeld
	}
	return err
}
