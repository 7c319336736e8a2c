package hsm

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// partition looks at a partition, and repairs it if that was asked for.
func (x *checker) partition(n ck.SlotID) {
	dir, p := x.home.partitionDir(n), CheckedPartition{Slot: n}
	if _, err := private.Stat(dir); err != nil {
		return // removed meanwhile
	}
	var log auditFound
	about, problems := x.examine(dir, nil, &log)
	if about != nil {
		p.Label, p.Serial, p.Records, p.Unopened = about.Label, about.Serial, about.Records, about.Unopened
		p.Generation = about.Generation
	}
	twin := x.first(p)
	wanted, named := x.wanted(p)
	if !wanted {
		return
	}
	private, failed := x.unlock(p, about)
	if private != nil {
		defer private.Zero()
		if about, problems = x.examine(dir, private, &log); about != nil {
			p.Records, p.Unopened = about.Records, about.Unopened
		}
	}
	p.Login = failed
	x.report.Partitions = append(x.report.Partitions, p)
	if failed != nil {
		x.report.find(called(p), failed, "the seals of its private objects were not tried")
	}
	begin := len(x.report.Findings)
	isTwin := x.twin(p, twin)
	x.problems(problems)
	second := len(x.report.Findings)
	x.findings(p, about)
	third := len(x.report.Findings)
	x.auditLog(filepath.Join(dir, auditName), log)
	if x.o.Repair {
		all := x.report.Findings
		x.repair(&repair{p, named, isTwin, private, problems, about, all[begin:second:second], all[second:third:third]})
	}
}

// examine reads all of a partition; about is nil if what is stored cannot be read, or
// there is no root key.
func (x *checker) examine(dir string, private *seal.Key, log *auditFound) (about *partition.Examination, problems []store.Problem) {
	problems = store.Examine(dir, x.settings.store(), func(tx store.Tx) error {
		if x.root != nil {
			about = partition.Examine(tx, tx.Generation(), x.root, x.options(), private)
			log.torn, log.err = partition.ExamineAudit(tx, x.root, filepath.Join(dir, auditName))
		}
		return nil
	})
	return about, problems
}

// auditFound is what was seen of a partition's log.
type auditFound struct {
	torn int64 // bytes
	err  error
}

// auditLog reports what is wrong with a log. If the partition's own header is not
// authentic, that is all there is to say.
func (x *checker) auditLog(path string, log auditFound) {
	switch {
	case ck.Code(log.err) == ck.CKR_TOKEN_NOT_RECOGNIZED || ck.Code(log.err) == ck.CKR_DEVICE_ERROR:
	case audit.Acceptable(log.err):
		slot := filepath.Base(filepath.Dir(path))
		x.report.find(path, log.err, "keep a copy of it; coffer audit accept "+slot+" goes on")
	case log.err != nil:
		x.report.find(path, log.err, "restore it from a backup")
	default:
		x.tornLog(path, log.torn)
	}
}

func (x *checker) options() partition.Options {
	o := x.settings.options()
	o.Progress = x.o.Progress
	return o
}

// unlock asks for a PIN and opens the key of private objects with it.
func (x *checker) unlock(p CheckedPartition, about *partition.Examination) (*seal.Key, error) {
	if x.o.PIN == nil || about == nil || about.Unopened == 0 {
		return nil, nil
	}
	l, err := x.o.PIN(p.Label)
	if err != nil {
		return nil, err
	}
	defer l.PIN.Zero()
	st, err := store.OpenFile(x.home.partitionDir(p.Slot), x.settings.store())
	if err != nil {
		return nil, err
	}
	defer st.Close()
	return partition.UnlockPrivate(st, x.root, x.options(), l.User, l.Name, l.PIN.Expose())
}

// problems reports what is wrong with a store.
func (x *checker) problems(list []store.Problem) {
	for _, p := range list {
		where, what := x.home.path(partitionsName), p.Err
		var file *store.FileError
		if errors.As(p.Err, &file) {
			where, what = file.Path, errors.New(file.Problem())
		}
		switch {
		case p.Leftover:
			x.report.note(where, what.Error(), "the next compaction removes it")
		case p.MayLose:
			x.report.find(where, what, "coffer check --repair with the partition's name writes the file anew as it was before or after the last change, and keeps this one; a backup may know better")
		case p.Rebuilds:
			x.report.find(where, what, "coffer check --repair writes the file anew from what can be read, and keeps this one")
		case errors.Is(p.Err, store.ErrDamaged):
			x.report.find(where, what, fromBackup)
		default:
			x.report.find(where, what, "")
		}
	}
}

// findings reports what is wrong with what a store holds.
func (x *checker) findings(p CheckedPartition, about *partition.Examination) {
	if about == nil {
		return
	}
	for _, f := range about.Findings {
		x.report.find(called(p)+", "+f.Name(), f.Err, adviceFor(f, p))
	}
	if about.Rotating {
		x.report.note(called(p), "its keys are being rotated, or that was cut off", "coffer partition rotate finishes it")
	}
}

func adviceFor(f partition.Finding, p CheckedPartition) string {
	switch {
	case ck.Code(f.Err) == ck.CKR_TOKEN_NOT_RECOGNIZED:
		return "put back the root key, or use the version of Coffer, that it was last used with"
	case f.OtherSet():
		return "compare with a backup; coffer check --repair " + slotName(p) + " goes on with what is there"
	case f.Removable && f.Guards():
		return "coffer check --repair " + slotName(p) + " moves it aside; wrong tries of a PIN may be forgotten with it, and a backup may have it whole"
	case f.Removable:
		return "coffer check --repair moves it aside; a backup may have it whole"
	}
	return "restore the partition from a backup; coffer check --repair " + slotName(p) + " moves it aside as a whole"
}

// slotName names a partition exactly, whatever others are called.
func slotName(p CheckedPartition) string { return fmt.Sprintf("slot:%d", p.Slot) }
