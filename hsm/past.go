package hsm

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// past is what the home's log tells of partitions, by serial number and slot.
type past struct {
	deleted map[string]deletion  // those that were deleted, and did not come back
	holds   map[ck.SlotID]string // what came into a slot last
}

// deletion is when a partition was deleted, and from where.
type deletion struct {
	slot ck.SlotID
	at   time.Time
}

// serialPrefix begins the detail of records that are about one partition. The number ends
// with the detail or at a comma.
const serialPrefix = "serial number "

// serialIn reads the serial number in the detail of a record; empty if there is none.
func serialIn(detail string) string {
	rest, ok := strings.CutPrefix(detail, serialPrefix)
	if !ok {
		return ""
	}
	serial, _, _ := strings.Cut(rest, ",")
	return serial
}

// past reads the home's log. A home without one tells nothing.
func (h home) past(root *seal.Root) (*past, error) {
	p := &past{map[string]deletion{}, map[ck.SlotID]string{}}
	l, err := h.openLog(root)
	if errors.Is(err, ErrNoHomeLog) {
		return p, nil
	}
	if err != nil {
		return p, logError(err)
	}
	defer l.close()
	begun := map[int64]audit.Record{}
	for r, err := range audit.Read(l.Dir(), 0) {
		switch {
		case err != nil:
			return p, logError(err)
		case r.Begun():
			begun[r.Seq] = r
		case r.Of != 0 || r.Succeeded():
			p.take(begun[r.Of], r)
			delete(begun, r.Of)
		}
	}
	return p, nil
}

// take takes in an act, as it began and as it ended.
func (p *past) take(begun, ended audit.Record) {
	if !ended.Succeeded() {
		return
	}
	serial := serialIn(begun.Detail)
	if serial == "" {
		serial = serialIn(ended.Detail)
	}
	slot := ck.SlotID(ended.Slot)
	switch ended.Act {
	case audit.PartitionCreate, audit.Restore:
		p.holds[slot] = serial
		delete(p.deleted, serial)
	case audit.PartitionDelete:
		delete(p.holds, slot)
		if serial != "" {
			p.deleted[serial] = deletion{slot, ended.Time}
		}
	}
}

// deletion says that a restore would undo one.
func (p *past) deletion(slot ck.SlotID, serial string) undone {
	on := ""
	if d, known := p.deleted[serial]; known && d.slot == slot {
		on = " on " + d.at.UTC().Format(time.RFC3339)
	}
	return undone{fmt.Sprintf("deleted from slot %d", slot), fmt.Sprintf("that it was deleted%s would be undone", on)}
}

// remain is what is left of a partition that is not in its place any more.
type remain struct {
	dir     string
	slot    ck.SlotID // where it was
	deleted bool      // and not moved aside
}

func (r remain) where() string {
	if r.deleted {
		return fmt.Sprintf("deleted from slot %d", r.slot)
	}
	return fmt.Sprintf("moved aside from slot %d", r.slot)
}

// remains lists what was deleted, replaced by a backup, and moved aside by repairs.
func (h home) remains() (list []remain) {
	folders := []string{h.path(partitionsName)}
	entries, _ := private.ReadDir(h.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), quarantinePrefix) {
			folders = append(folders, h.path(e.Name(), partitionsName))
		}
	}
	for _, folder := range folders {
		entries, err := private.ReadDir(folder)
		if err != nil {
			continue // there is none
		}
		for _, e := range entries {
			number, rest, cut := strings.Cut(e.Name(), ".")
			slot, ok := slotNumber(number)
			if !ok || !e.IsDir() || !cut && folder == h.path(partitionsName) {
				continue
			}
			list = append(list, remain{filepath.Join(folder, e.Name()), slot, "."+rest == deletedSuffix})
		}
	}
	return list
}
