package hsm

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// quarantinePrefix begins the name of a directory in the home that holds what a repair
// has moved aside (FORMAT.md).
const quarantinePrefix = "quarantine-"

// The files of a store (hsm/store/FORMAT.md).
const (
	dataFile = "store.db"
	lockFile = "store.lock"
)

// aside is where a repair moves things to. The directory is made with the first of
// them.
type aside struct {
	home  home
	dir   string
	begin func() error // called before anything is moved
}

// place returns the path for something that is at rel below the home, whose
// directory there is.
func (a *aside) place(rel string) (string, error) {
	if a.dir == "" {
		if err := a.begin(); err != nil {
			return "", err
		}
		dir := a.home.path(quarantinePrefix + time.Now().UTC().Format("20060102T150405.000000Z"))
		if err := private.Mkdir(dir); err != nil {
			return "", err
		}
		if err := private.SyncDir(a.home.dir); err != nil {
			return "", err
		}
		a.dir = dir
	}
	path := filepath.Join(a.dir, rel)
	if err := private.MkdirAll(filepath.Dir(path)); err != nil {
		return "", err
	}
	for up := filepath.Dir(path); len(up) >= len(a.dir); up = filepath.Dir(up) {
		if err := private.SyncDir(up); err != nil {
			return "", err
		}
	}
	return path, nil
}

// move moves a file or directory of the home.
func (a *aside) move(path string) (to string, err error) {
	if to, err = a.place(a.home.relative(path)); err != nil {
		return "", err
	}
	if _, err := private.Lstat(to); err == nil {
		return "", fmt.Errorf("%s is there already", to)
	}
	if err := private.Rename(path, to); err != nil {
		return "", err
	}
	return to, errors.Join(private.SyncDir(filepath.Dir(to)), private.SyncDir(filepath.Dir(path)))
}

// moveAside moves what a finding is about, if a repair was asked for.
func (x *checker) moveAside(f *Finding, path string) {
	if !x.o.Repair {
		return
	}
	to, err := x.aside.move(path)
	if err != nil {
		f.What += fmt.Sprintf("; it could not be moved aside: %v", err)
	}
	f.Moved = to
}

// repair is what there is to mend of a partition.
type repair struct {
	CheckedPartition
	named          bool // by the caller
	twin           bool // of one in a lower slot
	private        *seal.Key
	problems       []store.Problem
	about          *partition.Examination // nil if what is stored cannot be read
	files, content []Finding              // of the report
}

// repair mends a partition as far as that goes.
func (x *checker) repair(r *repair) {
	var err error
	x.mendLock(r)
	switch {
	case (r.lost() || r.twin) && r.named:
		err = r.do(x.movePartition, r.files, r.content)
	case r.lost(): // what was found says how
	default:
		if r.named && r.has(func(p store.Problem) bool { return isOf(p, lockFile, store.ErrDamaged) }) {
			err = r.do(x.exchangeLock, r.files)
		}
		if err == nil && r.rebuilds() {
			err = r.do(x.rebuild, r.files)
		}
		if err == nil && r.removes() {
			err = r.do(x.quarantine, r.content)
		}
	}
	if err != nil {
		x.report.find(called(r.CheckedPartition), fmt.Errorf("it could not be repaired: %w", err), fromBackup)
	}
}

// do does a step and notes where things have gone to.
func (r *repair) do(step func(*repair) (string, error), findings ...[]Finding) error {
	to, err := step(r)
	for _, list := range findings {
		for i := range list {
			if err == nil && list[i].open() {
				list[i].Moved = to
			}
		}
	}
	return err
}

// lost reports whether the partition cannot be opened whatever is taken out of it.
func (r *repair) lost() bool {
	if r.about != nil && slices.ContainsFunc(r.about.Findings, func(f partition.Finding) bool { return !f.Removable }) {
		return true
	}
	return r.has(func(p store.Problem) bool {
		return !p.Rebuilds && (isOf(p, dataFile, store.ErrDamaged) || isOf(p, dataFile, store.ErrMissing))
	})
}

// rebuilds reports whether the store is to be written anew, and the right to: who may
// lose a change by it has to name the partition.
func (r *repair) rebuilds() bool {
	return r.has(func(p store.Problem) bool { return p.Rebuilds }) &&
		(r.named || !r.has(func(p store.Problem) bool { return p.MayLose }))
}

// removes reports whether there is something to take out, and the right to. That a set
// differs from the one written is accepted where something in it was found damaged, or
// the partition was named. It has to be named where wrong tries of a PIN may be lost.
func (r *repair) removes() bool {
	if r.about == nil || len(r.about.Findings) == 0 {
		return false
	}
	return r.named || !slices.ContainsFunc(r.about.Findings, partition.Finding.Guards) &&
		slices.ContainsFunc(r.about.Findings, func(f partition.Finding) bool { return !f.OtherSet() })
}

// isOf reports whether a problem is of a kind and about a file of the store.
func isOf(p store.Problem, name string, kind error) bool {
	var file *store.FileError
	return errors.As(p.Err, &file) && filepath.Base(file.Path) == name && errors.Is(p.Err, kind)
}

func (r *repair) has(f func(store.Problem) bool) bool { return slices.ContainsFunc(r.problems, f) }

// movePartition moves a partition as a whole. Its number is not given again.
func (x *checker) movePartition(r *repair) (string, error) {
	dir := x.home.partitionDir(r.Slot)
	if err := x.begin(); err != nil {
		return "", err
	}
	if err := private.Mkdir(dir + deletedSuffix); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	to, err := x.aside.move(dir)
	if err == nil {
		store.Moved(to) // whoever has it open uses its keys no more
	}
	return to, err
}

// exchangeLock puts an empty lock file in the place of one that is damaged.
func (x *checker) exchangeLock(r *repair) (string, error) {
	path := filepath.Join(x.home.partitionDir(r.Slot), lockFile)
	to, err := x.aside.move(path)
	if err != nil {
		return "", err
	}
	f, err := private.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	return to, errors.Join(f.Close(), private.SyncDir(filepath.Dir(path)))
}

// rebuild writes a store's file anew.
func (x *checker) rebuild(r *repair) (string, error) {
	dir := x.home.partitionDir(r.Slot)
	to, err := x.aside.place(x.home.relative(filepath.Join(dir, dataFile)))
	if err != nil {
		return "", err
	}
	return to, store.Rebuild(dir, x.settings.store(), to)
}

// asideRecord is a line of a quarantine's file: something that was taken out of a
// partition, in full.
type asideRecord struct {
	Partition string `json:"partition"` // serial number
	Object    string `json:"object,omitempty"`
	Value     string `json:"value,omitempty"` // the name of a named value
	Why       string `json:"why"`
	Content   []byte `json:"content"`
}

// quarantine takes what is damaged out of a partition.
func (x *checker) quarantine(r *repair) (to string, err error) {
	dir := x.home.partitionDir(r.Slot)
	if to, err = x.aside.place(x.home.relative(dir) + ".jsonl"); err != nil {
		return "", err
	}
	st, err := store.OpenFile(dir, x.settings.store())
	if err != nil {
		return "", err
	}
	defer st.Close()
	f, err := private.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	o := x.settings.options()
	o.Audit = auditDir(dir)
	_, err = partition.Quarantine(st, x.root, o, r.private, func(found partition.Finding, content []byte) error {
		line := asideRecord{Partition: r.Serial, Value: found.Value, Why: found.Err.Error(), Content: content}
		if found.Value == "" {
			line.Object = hex.EncodeToString(found.Object[:])
		}
		return errors.Join(json.NewEncoder(f).Encode(line), f.Sync(), private.SyncDir(filepath.Dir(to)))
	})
	return to, err
}
