package hsm

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// CheckOptions say what Check does. The zero value looks at everything.
type CheckOptions struct {
	// Partitions to look at, each name all that it fits (NamedBy); empty: all. The home
	// itself is always looked at.
	Partitions []string
	// PIN is asked for the PIN of each partition, by its label, and Check tries it, as
	// a login would. Nil: the seals of private objects are not tried.
	PIN func(label string) (Login, error)
	// Progress is told how far it has come in a partition that is large.
	Progress Progress
	// Repair moves what is damaged aside, into Report.Quarantine, makes again what is
	// missing and has nothing of its own in it, and never deletes anything. A partition as a whole is only moved, and a set of records that
	// differs from the one written only accepted, if Partitions names it.
	Repair bool
}

// Login is who opens private objects for Check, which wipes PIN.
type Login struct {
	User ck.UserType // CKU_USER or CKU_SO
	Name string      // of a user with a name
	PIN  *secret.Bytes
}

// Finding is something that Check has found.
type Finding struct {
	Where  string // a path, or a partition and what in it
	What   string // what is wrong
	Advice string // what to do
	Note   bool   // nothing is wrong: the home works as it is
	Moved  string // where Repair has moved it; empty if it has not
	Mended string // what Repair has done about it in its place; empty if nothing
}

// open reports whether something is wrong, and still is.
func (f Finding) open() bool { return !f.Note && f.Moved == "" && f.Mended == "" }

// CheckedPartition is what Check has read of a partition.
type CheckedPartition struct {
	Slot          ck.SlotID
	Label, Serial string // empty if they are not authentic
	Generation    uint64 // of the last change
	Records       int
	Unopened      int   // private ones, whose seals were not tried
	Login         error // why the PIN did not open them; nil if it did, or was not asked for
}

// Report is what Check has found.
type Report struct {
	Home       string
	Partitions []CheckedPartition
	Findings   []Finding
	Quarantine string // where Repair has moved things to; empty if it has not
}

// Sound reports whether nothing is wrong, or nothing any more.
func (r *Report) Sound() bool {
	return !slices.ContainsFunc(r.Findings, Finding.open)
}

func (r *Report) find(where string, err error, advice string) *Finding {
	r.Findings = append(r.Findings, Finding{Where: where, What: err.Error(), Advice: advice})
	return &r.Findings[len(r.Findings)-1]
}

func (r *Report) note(where, what, advice string) *Finding {
	f := r.find(where, errors.New(what), advice)
	f.Note = true
	return f
}

// fromBackup is the advice where nothing else helps.
const fromBackup = "restore it from a backup"

// checker is a Check under way.
type checker struct {
	home     home
	settings settings
	o        CheckOptions
	root     *seal.Root // nil if it cannot be had
	report   *Report
	aside    aside
	told     repairLog
	unread   map[string]error // keys that the wrong mode or owner keeps from being read, by path
	named    map[string]bool  // of o.Partitions, those that were found
	serials  map[string]CheckedPartition
}

// Check reads everything in the home that c names and reports what is wrong with it.
// Without o.Repair and o.PIN nothing is changed. Writers of a partition wait while it
// is read. The error is of what keeps it from looking at all; what is
// wrong with the home is in the report.
func Check(c Config, o CheckOptions) (*Report, error) {
	h, err := c.open()
	if err != nil {
		return nil, err
	}
	if _, err := private.Stat(h.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, h.noHome()
	} else if err != nil {
		return nil, homeError("home: %w: check COFFER_HOME", err)
	}
	x := &checker{home: h, o: o, report: &Report{Home: h.dir}, named: map[string]bool{}, serials: map[string]CheckedPartition{}, unread: map[string]error{}}
	x.aside = aside{home: h, begin: x.begin}
	if x.settings, _, err = c.load(h.dir); err == nil {
		err = c.overrule(&x.settings)
	}
	if err != nil {
		x.report.find(h.path(configName), err, "correct it")
	}
	if o.Repair {
		unlock, err := h.lock()
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	x.rootKey() // first: what is moved aside is recorded with it
	if x.root != nil {
		defer x.root.Zero()
	}
	x.files()
	x.unreadKeys()
	x.homeLog()
	defer x.end()
	used, _, err := h.numbers()
	if err != nil {
		x.report.find(h.path(partitionsName), err, "")
	}
	for _, n := range used {
		x.partition(n)
	}
	for _, name := range o.Partitions {
		if !x.named[name] {
			x.report.find(strconv.Quote(name), errors.New("no such partition"), "coffer partition list; one that is damaged is named by its slot")
		}
	}
	x.report.Quarantine = x.aside.dir
	return x.report, nil
}

// rootKey opens the root key and looks at all that should give it.
func (x *checker) rootKey() {
	h, r := x.home, x.report
	made, err := h.exists()
	if errors.Is(err, errFirstFile) {
		x.firstFile()
		return
	}
	if err != nil {
		x.key(placeOf(err, h.dir), err, "")
	}
	print, err := h.fingerprint()
	if err != nil {
		if made {
			x.key(h.path(homeName), err, fromBackup)
		} else if !h.has(homeName) {
			r.note(h.dir, "the home is not made yet", "coffer init")
		}
		return
	}
	if x.root, err = h.open(); err != nil {
		r.find(h.dir, err, "partitions are looked at as far as that goes without the root key")
	}
	for _, name := range []string{rootName, nextRootName} {
		if _, sealed := h.nextMarked(); !h.has(name) || name == nextRootName && sealed {
			continue
		}
		if root, err := h.unseal(name); err != nil {
			x.key(h.path(name), err, "put it back from a backup, or remove it if something else opens the home")
		} else {
			if other, err := root.Fingerprint(); err == nil && other != print && !h.rotating() {
				r.find(h.path(name), errOtherRoot, "put back the one that was there")
			}
			root.Zero()
		}
	}
	list, err := h.slots().List(print)
	if err != nil {
		r.find(h.path(sealsName), err, fromBackup)
	}
	for _, e := range list {
		if e.Err != nil {
			x.key(h.slots().Path(print, e.Name), e.Err, "coffer seal rekey "+e.Name+", or remove it")
		}
	}
	x.nextRoot(print)
}

// placeOf is the file that err is about, or else the given one.
func placeOf(err error, otherwise string) string {
	if file := new(store.FileError); errors.As(err, &file) {
		return file.Path
	}
	return otherwise
}

// key reports a key, or what else the home needs, that cannot be had, unless it is only that
// its mode or owner is wrong: then the file itself says more, and what to do.
func (x *checker) key(path string, err error, advice string) {
	if errors.Is(err, seal.ErrKeyFilePermission) || errors.Is(err, store.ErrPermission) {
		x.unread[path] = err
		return
	}
	x.report.find(path, err, advice)
}

// unreadKeys reports those about whose files nothing was found.
func (x *checker) unreadKeys() {
	for _, path := range slices.Sorted(maps.Keys(x.unread)) {
		told := func(f Finding) bool { return f.Where == path }
		if !slices.ContainsFunc(x.report.Findings, told) {
			x.report.find(path, x.unread[path], "")
		}
	}
}

// nextRoot reads the sealed copies of the root key that is to be the next one, while it
// is being changed. They are what the home opens with when that is finished.
func (x *checker) nextRoot(current string) {
	h, r := x.home, x.report
	if !h.rotating() {
		return
	}
	r.note(h.dir, "the root key is being changed, or that was cut off", "coffer seal rotate finishes it")
	next, err := h.nextName()
	if err != nil || next == current {
		return // what cannot be read was found, and so were the copies
	}
	list, err := h.nextCopies(next)
	if err != nil {
		r.find(h.path(sealsName), err, fromBackup)
	}
	for _, e := range list {
		if e.Err != nil {
			r.find(h.slots().Path(next, e.Name), fmt.Errorf("of the next root key: %w", e.Err), "coffer seal rotate --restart begins the change anew")
		}
	}
}

// wanted reports whether a partition is to be looked at, and whether it was named.
func (x *checker) wanted(p CheckedPartition) (wanted, named bool) {
	if len(x.o.Partitions) == 0 {
		return true, false
	}
	for _, name := range x.o.Partitions {
		if NamedBy(name, p.Label, p.Serial, p.Slot) != NotNamed {
			x.named[name], named = true, true
		}
	}
	return named, named
}

// called names a partition in a report.
func called(p CheckedPartition) string {
	if p.Label == "" {
		return fmt.Sprintf("partition %d", p.Slot)
	}
	return fmt.Sprintf("partition %d (%q)", p.Slot, p.Label)
}

// relative is a path as it is below the home.
func (h home) relative(path string) string {
	if rel, err := filepath.Rel(h.dir, path); err == nil {
		return rel
	}
	return filepath.Base(path)
}
