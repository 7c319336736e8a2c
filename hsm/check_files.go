package hsm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// known are the names in a home that are always what they say.
var known = map[string]bool{homeName: true, rootName: true, nextRootName: true, sealsName: true, lockName: true,
	configName: true, placingName: true, partitionsName: true, auditName: true}

// auditName is the home's own log, and that of each partition beside its store
// (hsm/audit/FORMAT.md).
const auditName = "audit"

// files looks at what is in the home: names, modes and owners, and what has been left
// by processes that were killed.
func (x *checker) files() {
	busy, placing := x.locked(), x.placing()
	err := filepath.WalkDir(x.home.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			x.report.find(path, err, "look at its permissions")
			return nil
		}
		rel := x.home.relative(path)
		if strings.HasPrefix(rel, quarantinePrefix) {
			x.report.note(path, "what an earlier repair moved aside is still here", "remove it when it is of no use any more")
			return fs.SkipDir
		}
		strange := x.name(path, rel)
		x.private(path, d, strange)
		if !leftover(rel) || rel == stagedPath && x.home.rotating() || placing[rel] {
			return nil
		}
		if !busy {
			f := x.report.note(path, "left over by a process that was killed", "nothing needs it")
			x.moveAside(f, path)
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		x.report.find(x.home.dir, err, "")
	}
}

// placing finds what a restore has still to put in its place, by path below the home. A
// repair does so.
func (x *checker) placing() map[string]bool {
	path, left := x.home.path(placingName), map[string]bool{}
	list, err := x.home.readPlacing()
	switch {
	case err != nil:
		x.moveAside(x.report.find(path, err, "restore the backup again"), path)
	case list == nil:
	case !x.o.Repair:
		x.report.note(path, "a restore was cut off, or is under way", "coffer check --repair finishes it")
	default:
		if _, err = x.home.endPlacing(x.root); err == nil {
			x.report.note(path, "a restore was cut off", "it is finished now")
			return left
		}
		x.report.find(path, err, "")
	}
	for _, p := range list {
		left[partitionsName+"/"+p.From] = true
	}
	return left
}

// locked reports whether somebody is changing the home, so that nothing is left over.
func (x *checker) locked() bool {
	if x.o.Repair {
		return false // by us
	}
	f, err := store.OpenInPlace(x.home.path(lockName), os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil {
		return true
	}
	unix.Flock(int(f.Fd()), unix.LOCK_UN)
	return false
}

// leftover reports whether a path below the home is of something that was not finished.
func leftover(rel string) bool {
	dir, name := filepath.Split(rel)
	switch filepath.Clean(dir) {
	case ".":
		return strings.HasPrefix(name, newPrefix) || name == homeName+".tmp" || name == nextRootName+".tmp" || name == placingName+".tmp"
	case partitionsName:
		return strings.HasPrefix(name, newPrefix)
	case auditName:
		return strings.HasSuffix(name, ".tmp")
	}
	if inside, of := filepath.Split(filepath.Clean(dir)); filepath.Clean(inside) == partitionsName && strings.HasSuffix(of, deletedSuffix) {
		return name != auditName // the log of a partition outlives it
	}
	return strings.HasPrefix(dir, sealsName+"/") && strings.HasPrefix(name, newPrefix)
}

// name notes what this version does not know, and reports whether that is so.
func (x *checker) name(path, rel string) (strange bool) {
	if leftover(rel) {
		return false
	}
	dir, name := filepath.Split(rel)
	switch filepath.Clean(dir) {
	case ".":
		if strange = rel != "." && !known[name]; strings.HasPrefix(name, logAsidePrefix) {
			x.report.note(path, "a log that another one took the place of", "remove it when it is of no use any more")
			strange = false
		}
	case partitionsName:
		number, rest, _ := strings.Cut(name, ".")
		_, ok := slotNumber(number)
		if strange = !ok || rest != "" && "."+rest != deletedSuffix; ok && strings.HasPrefix("."+rest, replacedSuffix) {
			x.report.note(path, "what was here until a backup took its place: "+x.whatIs(path), "remove it when it is of no use any more")
			strange = false
		}
	}
	if strange {
		x.report.note(path, "not of this program, or of a newer version", "nothing looks at it")
	}
	return strange
}

// whatIs says what the directory of a partition holds that is not in its place.
func (x *checker) whatIs(dir string) string {
	about, _ := x.examine(dir, nil, &auditFound{})
	if about == nil || about.Serial == "" {
		return "the home's root key does not open it as it is"
	}
	return fmt.Sprintf("partition %q, serial number %s, records: %d, its last change is number %d",
		about.Label, about.Serial, about.Records, about.Generation)
}

// private finds what others could read or change. The configuration is no secret, and a
// strange file is the business of who has put it there, unless it has a key.
func (x *checker) private(path string, d fs.DirEntry, strange bool) {
	info, err := d.Info()
	if path == x.home.dir {
		info, err = private.Stat(path) // it may be a link to where it is
	}
	if err != nil {
		x.report.find(path, err, "")
		return
	}
	bad, chmod := fs.FileMode(0o077), "chmod 600 "
	switch {
	case info.IsDir():
		bad, chmod = 0o022, "chmod 700 "
	case !info.Mode().IsRegular():
		x.report.find(path, errors.New("it is neither a file nor a directory"), "put there what was there before")
		return
	case filepath.Base(path) == configName:
		bad = 0o022
	}
	if strange && !holdsKey(path, info) {
		return
	}
	if mode := info.Mode().Perm(); mode&bad != 0 {
		x.report.find(path, fmt.Errorf("its mode %o lets others in", mode), chmod+path)
	}
	if uid, me := private.UID(info), private.Me(path); !private.OursOrRoots(uid, me) {
		x.report.find(path, fmt.Errorf("it belongs to user %d and this process to user %d", uid, me), "run as its owner, or chown it")
	}
}

// holdsKey reports whether a file is a copy of one with a key: the root key in the clear,
// or sealed.
func holdsKey(path string, info fs.FileInfo) bool {
	if !info.Mode().IsRegular() {
		return false
	}
	f, err := store.OpenInPlace(path, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [64]byte
	n, _ := io.ReadFull(f, head[:])
	return seal.IsKeyText(head[:n])
}
