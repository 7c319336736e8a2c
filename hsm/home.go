package hsm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
	"golang.org/x/sys/unix"
)

// The names in a home (FORMAT.md).
const (
	homeName       = "coffer.home"
	rootName       = "root.key"
	nextRootName   = "root.next"
	sealsName      = "seals"
	lockName       = "home.lock"
	partitionsName = "partitions"
	deletedSuffix  = ".deleted"
	newPrefix      = ".new-"

	homeMagic = "coffer-home 1"
	firstSlot = ck.SlotID(1)
)

// home is the directory of a Coffer.
type home struct {
	dir     string
	methods seal.Methods  // for sealed copies of the root key
	holders []seal.Holder // of an unlocked one
}

func (h home) path(names ...string) string {
	return filepath.Join(append([]string{h.dir}, names...)...)
}

func homeError(format string, args ...any) error {
	return ck.Errorf(ck.CKR_DEVICE_ERROR, format, args...)
}

// ErrNoHome says that the home has not been made.
var ErrNoHome = errors.New("there is no home yet")

// noHome is ErrNoHome, with where it was looked for.
func (h home) noHome() error { return homeError("%w in %s", ErrNoHome, h.dir) }

// exists reports whether the home has been made. It refuses a directory that
// others own or may write to: whoever can exchange files in it can undo a lockout
// and set the rules for PINs.
func (h home) exists() (bool, error) {
	var info fs.FileInfo
	err := private.Enter(h.dir) // it may have been made, or given away, since it was opened
	if err == nil {
		info, err = private.Stat(h.dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, homeError("home: %w: check COFFER_HOME and its permissions", err)
	}
	if !info.IsDir() {
		return false, homeError("home %s is not a directory: set COFFER_HOME to one", h.dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return false, homeError("home %s can be written to by others: chmod 700 it", h.dir)
	}
	if uid, me := private.UID(info), private.Me(h.dir); !private.OursOrRoots(uid, me) {
		return false, homeError("home %s belongs to user %d and this process to user %d: run as its owner or chown it", h.dir, uid, me)
	}
	if err := h.checkDirectories(); err != nil {
		return false, err
	}
	if _, err := private.Lstat(h.path(homeName)); errors.Is(err, fs.ErrNotExist) {
		return false, h.refuseOrphans()
	} else if err != nil {
		return false, homeError("home: %w: check who owns it", err)
	}
	return true, nil
}

// checkDirectories keeps a home from being partly elsewhere (FORMAT.md), or others' to
// change: its directories here, its files where they are opened.
func (h home) checkDirectories() error {
	for _, name := range []string{partitionsName, sealsName, auditName} {
		if err := store.CheckInPlace(h.path(name)); err != nil {
			return homeError("home: %w", err)
		}
	}
	return nil
}

// refuseOrphans keeps a home that has lost its first file from being made anew
// over its partitions.
func (h home) refuseOrphans() error {
	entries, err := private.ReadDir(h.path(partitionsName))
	switch {
	case err != nil || len(entries) == 0:
	case h.keyless():
		return homeError("%s: %w", h.path(homeName), errKeyless)
	default:
		return homeError("%s: %w: coffer check --repair makes it again", h.path(homeName), errFirstFile)
	}
	return nil
}

// writeMagic writes the home's first file, which says which root key is the home's.
func (h home) writeMagic(fingerprint string) error {
	return h.writeFile(homeName, fmt.Sprintf("%s\nroot %s\n", homeMagic, fingerprint))
}

// unseal opens the root key in the file called name.
func (h home) unseal(name string) (*seal.Root, error) {
	key, err := seal.KeyFile(h.path(name)).Unseal()
	if err != nil {
		return nil, homeError("root key: %w", err)
	}
	return seal.NewRoot(key)
}

func (h home) fingerprint() (string, error) {
	text, err := readPrivate(h.path(homeName))
	if err != nil {
		return "", homeError("home: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "coffer-home ") || !strings.HasPrefix(lines[1], "root ") {
		return "", homeError("%s is damaged or not of this program: restore it from a backup", h.path(homeName))
	}
	if lines[0] != homeMagic {
		return "", ck.Errorf(ck.CKR_TOKEN_NOT_RECOGNIZED, "%s was written by a newer version of Coffer: use that version", h.path(homeName))
	}
	return strings.TrimPrefix(lines[1], "root "), nil
}

// maxText is more than any of the home's own files of text has, in bytes.
const maxText = 1 << 20

// readPrivate reads one of the home's own files, which nobody else can read or change.
func readPrivate(path string) ([]byte, error) { return readText(path, store.CheckPrivate) }

// readInPlace reads a file of the home that is no secret.
func readInPlace(path string) ([]byte, error) {
	return readText(path, func(*os.File) error { return nil })
}

// readText reads a file that stands check.
func readText(path string, check func(*os.File) error) ([]byte, error) {
	f, err := store.OpenInPlace(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := check(f); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("%s has more than %d bytes", path, maxText)
	}
	return text, err
}

// writeFile writes a small file durably, all or nothing.
func (h home) writeFile(name, text string) error {
	tmp := h.path(name + ".tmp")
	f, err := store.OpenInPlace(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return homeError("home: %w", err)
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = private.Rename(tmp, h.path(name))
	}
	if err == nil {
		err = private.SyncDir(filepath.Dir(tmp))
	}
	if err != nil {
		return homeError("home: %w", err)
	}
	return nil
}

// lock keeps other processes from making or removing partitions.
func (h home) lock() (unlock func(), err error) {
	f, err := store.OpenInPlace(h.path(lockName), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, homeError("home: %w", err)
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, homeError("lock %s: %w", f.Name(), err)
	}
	return func() {
		unix.Flock(int(f.Fd()), unix.LOCK_UN) // a forked child may hold the file open
		f.Close()
	}, nil
}

// numbers lists the slots that have a partition, in order, and the next number.
func (h home) numbers() (used []ck.SlotID, next ck.SlotID, err error) {
	entries, err := private.ReadDir(h.path(partitionsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, homeError("home: %w", err)
	}
	next = firstSlot
	for _, e := range entries {
		name, deleted := strings.CutSuffix(e.Name(), deletedSuffix)
		n, ok := slotNumber(name)
		if !ok {
			continue
		}
		next = max(next, n+1)
		if !deleted {
			used = append(used, n)
		}
	}
	slices.Sort(used)
	return used, next, nil
}

// slotNumber reads the number of a slot as partitionDir writes it: a directory "01"
// would otherwise be slot 1 a second time.
func slotNumber(name string) (ck.SlotID, bool) {
	n, err := strconv.ParseUint(name, 10, 31)
	ok := err == nil && n >= uint64(firstSlot) && strconv.FormatUint(n, 10) == name
	return ck.SlotID(n), ok
}

func (h home) partitionDir(slot ck.SlotID) string {
	return h.path(partitionsName, strconv.FormatUint(uint64(slot), 10))
}

// sweep removes what was left by processes that were killed while they made or
// removed a partition. The caller holds the lock.
func (h home) sweep() {
	entries, _ := private.ReadDir(h.path(partitionsName))
	for _, e := range entries {
		switch dir := h.path(partitionsName, e.Name()); {
		case strings.HasPrefix(e.Name(), newPrefix):
			private.RemoveAll(dir)
		case strings.HasSuffix(e.Name(), deletedSuffix):
			removeContents(dir)
		}
	}
}

// removeContents empties the directory of a partition, but for the audit log: what was
// done is told when there is nothing left that it was done to.
func removeContents(dir string) error {
	if err := store.CheckInPlace(dir); err != nil {
		return err
	}
	store.Moved(dir) // whoever has it open uses its keys no more
	entries, err := private.ReadDir(dir)
	for _, e := range entries {
		if e.Name() == auditName {
			continue
		}
		err = errors.Join(err, private.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
