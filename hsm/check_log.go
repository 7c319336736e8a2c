package hsm

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/coffer-hsm/coffer/hsm/audit"
)

// homeLog looks at the home's own log.
func (x *checker) homeLog() {
	if x.root == nil || !x.home.has(auditName) {
		return
	}
	path := x.home.path(auditName)
	var r audit.Report
	if err := x.home.verifyLog(x.root, &r); err != nil && !errors.Is(err, ErrNoHomeLog) {
		x.key(path, err, "keep a copy of it; coffer audit accept --home goes on with a new one")
		return
	}
	x.tornLog(path, r.Torn)
	for _, rec := range r.Open {
		x.report.note(path, fmt.Sprintf("record %d (%s) does not say how it ended", rec.Seq, rec.Act), "the next act on the home ends it")
	}
}

func (x *checker) tornLog(path string, torn int64) {
	if torn > 0 {
		x.report.note(path, fmt.Sprintf("%d bytes at its end were never acknowledged", torn), "the next record moves them to the file torn")
	}
}

// repairLog is how a repair is told to the home's log: begun before the first thing is
// moved.
type repairLog struct {
	log   *homeLog
	begun int64
}

// begin records that a repair begins, once. Without the root key nothing can be
// recorded, and a log that is damaged is a finding of its own: neither keeps anybody from
// repairing.
func (x *checker) begin() error {
	if x.root == nil || x.told.log != nil {
		return nil
	}
	l, err := x.home.readyLog(x.root)
	if audit.Acceptable(err) {
		return nil
	}
	if err != nil {
		return logError(err)
	}
	x.told.log = l
	x.told.begun, err = l.begin(audit.Event{Act: audit.Repair})
	return err
}

// end records how the repair went.
func (x *checker) end() {
	if x.told.log == nil {
		return
	}
	defer x.told.log.close()
	moved, mended := 0, 0
	for _, f := range x.report.Findings {
		if f.Moved != "" {
			moved++
		}
		if f.Mended != "" {
			mended++
		}
	}
	detail := fmt.Sprintf("made again: %d, moved aside: %d", mended, moved)
	if x.aside.dir != "" {
		detail += " to " + filepath.Base(x.aside.dir)
	}
	_ = x.told.log.Append(audit.Event{Act: audit.Repair, Of: x.told.begun, Detail: detail})
}
