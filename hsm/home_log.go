package hsm

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

const (
	logKeyPrefix   = "key."
	logKeyText     = "coffer-audit-key 1\nid %x\nwrap %x\n"
	logAsidePrefix = auditName + ".aside-"
)

// ErrNoHomeLog is for a home that was made before there were logs.
var ErrNoHomeLog = errors.New("the home has no log yet: it begins with the next act on the home")

// errLogKey is for a log whose key the root key does not give.
var errLogKey = fmt.Errorf("%w: its key is missing, damaged or of another root key", audit.ErrDamaged)

// homeLog is the home's own log (hsm/audit/FORMAT.md, "The home's log").
type homeLog struct {
	*audit.Log
	home home
	id   [16]byte
	keys *seal.PartitionRoot // whose audit key signs
}

func (l *homeLog) close() { l.keys.Zero() }

// logError gives an error of the home's log the code that PKCS #11 has for it.
func logError(err error) error {
	var rv ck.RV
	if err == nil || errors.As(err, &rv) {
		return err
	}
	if audit.Acceptable(err) {
		err = fmt.Errorf("%w: keep a copy of it; to go on with a new one: coffer audit accept --home", err)
	}
	return ck.Errorf(partition.DiskCode(err), "audit log of the home: %w", err)
}

// openLog opens the log with the home's root key: ErrNoHomeLog, errLogKey.
func (h home) openLog(root *seal.Root) (*homeLog, error) {
	name, err := h.logKeyName(root)
	if err != nil {
		return nil, err
	}
	b, err := readPrivate(h.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, h.noLogKey()
	}
	if err != nil {
		return nil, err
	}
	var id, wrap []byte
	if n, err := fmt.Sscanf(string(b), logKeyText, &id, &wrap); n != 2 || err != nil || len(id) != 16 || fmt.Sprintf(logKeyText, id, wrap) != string(b) {
		return nil, errLogKey
	}
	keys, err := root.UnwrapPartition([16]byte(id), wrap)
	if err != nil {
		return nil, errLogKey
	}
	return h.logWith([16]byte(id), keys)
}

func (h home) logWith(id [16]byte, keys *seal.PartitionRoot) (*homeLog, error) {
	name := "coffer-audit-home-" + hex.EncodeToString(id[:8])
	l, err := audit.Open(h.path(auditName), name, keys.AuditKey())
	if err != nil {
		keys.Zero()
		return nil, err
	}
	return &homeLog{l, h, id, keys}, nil
}

// noLogKey says why there is no key for the log.
func (h home) noLogKey() error {
	others, err := h.logKeys()
	if err == nil && len(others) == 0 && !h.has(auditName, "log") {
		return ErrNoHomeLog
	}
	return errors.Join(errLogKey, err)
}

// logKeyName is the file with the log's key under a root key, below the home.
func (h home) logKeyName(root *seal.Root) (string, error) {
	print, err := root.Fingerprint()
	return filepath.Join(auditName, logKeyPrefix+print), err
}

// logKeys lists the files with the log's key, below the home.
func (h home) logKeys() (names []string, err error) {
	entries, err := private.ReadDir(h.path(auditName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), logKeyPrefix) && !strings.HasSuffix(e.Name(), ".tmp") {
			names = append(names, filepath.Join(auditName, e.Name()))
		}
	}
	return names, err
}

// beginLog begins the log of a home that is being made.
func (h home) beginLog(root *seal.Root) error {
	l, err := h.makeLog(root)
	if err != nil {
		return logError(err)
	}
	defer l.close()
	return logError(l.Append(audit.Event{Act: audit.HomeCreate}))
}

// makeLog makes the key of a log that there is not yet. The caller holds the lock.
func (h home) makeLog(root *seal.Root) (*homeLog, error) {
	if err := private.Mkdir(h.path(auditName)); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	if err := private.SyncDir(h.dir); err != nil {
		return nil, err
	}
	var id [16]byte
	rand.Read(id[:]) // never fails
	keys, err := seal.NewPartitionRoot(id)
	if err != nil {
		return nil, err
	}
	l, err := h.logWith(id, keys)
	if err != nil {
		return nil, err
	}
	if err := l.writeKey(root); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// writeKey writes the log's key under a root key.
func (l *homeLog) writeKey(root *seal.Root) error {
	name, err := l.home.logKeyName(root)
	if err != nil {
		return err
	}
	wrap, err := root.WrapPartition(l.keys)
	if err != nil {
		return err
	}
	return l.home.writeFile(name, fmt.Sprintf(logKeyText, l.id, wrap))
}

// addLogRoot wraps the log's key under the next root key too. To do it twice does no
// harm. A home without a log needs none; one whose log has no key goes without.
func (h home) addLogRoot(root, next *seal.Root) error {
	l, err := h.openLog(root)
	if errors.Is(err, ErrNoHomeLog) || errors.Is(err, errLogKey) {
		return nil
	}
	if err != nil {
		return logError(err)
	}
	defer l.close()
	return logError(l.writeKey(next))
}

// keepLogRoot removes the log's key under every other root key than this one.
func (h home) keepLogRoot(root *seal.Root) error {
	keep, err := h.logKeyName(root)
	if err != nil || !h.has(keep) {
		return err
	}
	names, err := h.logKeys()
	for _, name := range names {
		if name != keep {
			err = errors.Join(err, private.Remove(h.path(name)))
		}
	}
	if len(names) > 1 {
		err = errors.Join(err, private.SyncDir(h.path(auditName)))
	}
	return logError(err)
}

// setLogAside moves the log away, and says where to. The caller holds the lock.
func (h home) setLogAside() (string, error) {
	to := logAsidePrefix + time.Now().UTC().Format("20060102T150405.000000Z")
	if err := private.Rename(h.path(auditName), h.path(to)); err != nil {
		return "", err
	}
	return to, private.SyncDir(h.dir)
}
