package hsm

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// errFirstFile is of a home that was made, and has lost its first file.
var errFirstFile = errors.New("it is missing, and there are partitions")

// errKeyless is errFirstFile of a home in which there is no root key either.
var errKeyless = fmt.Errorf("%w; the root key is missing too: put root.key back from your copy, and coffer check --repair makes this file again; or restore a backup into another home", errFirstFile)

// keyless reports whether there is neither a root key nor a sealed copy of one.
func (h home) keyless() bool {
	return !h.has(rootName) && !h.has(nextRootName) && !h.has(sealsName)
}

// firstFile looks for the root key of a home that has lost coffer.home, which says
// nothing but which one that is: the one that opens the partitions. It takes it for the
// rest of the check, and a repair writes the file anew (FORMAT.md).
func (x *checker) firstFile() {
	path := x.home.path(homeName)
	if x.home.keyless() {
		x.report.find(path, errKeyless, "")
		return
	}
	root, print, err := x.home.rootOfPartitions(x.settings.store())
	if err != nil {
		x.report.find(path, fmt.Errorf("%w; it cannot be made again: %w", errFirstFile, err), fromBackup)
		return
	}
	x.root = root
	f := x.report.find(path, errFirstFile, "coffer check --repair makes it again; nothing else was in it than which root key is the home's")
	if !x.o.Repair {
		return
	}
	if err = x.begin(); err == nil {
		err = x.home.writeMagic(print)
	}
	if err != nil {
		f.What += fmt.Sprintf("; it could not be made again: %v", err)
		return
	}
	f.Mended = "made again for the root key " + print
}

// rootOfPartitions finds, among the root keys that the home can open, the one under which
// all partitions are that can be read, and its fingerprint.
func (h home) rootOfPartitions(o store.Options) (*seal.Root, string, error) {
	used, _, err := h.numbers()
	if err != nil {
		return nil, "", err
	}
	found := ""
	for _, print := range h.candidates() {
		root, err := h.unsealNamed(print)
		if err != nil {
			continue
		}
		found = print
		if h.fits(root, used, o) {
			return root, print, nil
		}
		root.Zero()
	}
	if found == "" {
		return nil, "", errors.New("the root key cannot be had: put root.key back, or coffer seal unlock")
	}
	return nil, "", errors.New("the root key that is here does not open the partitions")
}

// candidates are the fingerprints of all root keys that the home has a file or copies of.
func (h home) candidates() (all []string) {
	for _, name := range []string{rootName, nextRootName} {
		root, err := h.unseal(name)
		if err != nil {
			continue
		}
		if print, err := root.Fingerprint(); err == nil {
			all = append(all, print)
		}
		root.Zero()
	}
	sealed, _ := h.slots().Roots()
	return append(all, sealed...)
}

// fits reports whether a root key opens a partition, and there is none of another one.
func (h home) fits(root *seal.Root, used []ck.SlotID, o store.Options) bool {
	opened := false
	for _, n := range used {
		dir := h.partitionDir(n)
		var err error
		store.Examine(dir, o, func(tx store.Tx) error { // what else is wrong is found later
			about := partition.Examine(tx, tx.Generation(), root, partition.Options{}, nil)
			opened = opened || about.Serial != ""
			i := slices.IndexFunc(about.Findings, func(f partition.Finding) bool { return ck.Code(f.Err) == ck.CKR_TOKEN_NOT_RECOGNIZED })
			if i >= 0 {
				err = about.Findings[i].Err
			}
			return nil
		})
		if err != nil {
			return false
		}
	}
	return opened
}

// mendLock makes the lock file of a store again that has lost it. It is empty, and holds
// up nobody: what it is for is told by the files beside it.
func (x *checker) mendLock(r *repair) {
	path := filepath.Join(x.home.partitionDir(r.Slot), lockFile)
	i := slices.IndexFunc(r.files, func(f Finding) bool { return f.Where == path })
	if i < 0 || !r.has(func(p store.Problem) bool { return isOf(p, lockFile, store.ErrMissing) }) {
		return
	}
	err := x.begin()
	if err == nil {
		err = store.RestoreLock(filepath.Dir(path), x.settings.store())
	}
	if err != nil {
		r.files[i].What += fmt.Sprintf("; it could not be made again: %v", err)
		return
	}
	r.files[i].Mended = "made again"
}
