package hsm

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// placingName is the list of the restored partitions that are to be put in their places
// (FORMAT.md). Once it is there the restore is done, whoever does the rest.
const (
	placingName = "restore.list"
	placingHead = "coffer-restore 1\n"
)

// placed is a partition that a restore has made.
type placed struct {
	From       string    `json:"from"` // name in partitions/
	Slot       ck.SlotID `json:"slot"`
	Serial     string    `json:"serial"`
	Generation uint64    `json:"generation"` // of the backup
}

// readPlacing reads the list; nil if there is none.
func (h home) readPlacing() ([]placed, error) {
	text, err := readInPlace(h.path(placingName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, homeError("restore: %w", err)
	}
	body, ok := strings.CutPrefix(string(text), placingHead)
	var list []placed
	if ok {
		ok = json.Unmarshal([]byte(body), &list) == nil
	}
	for _, p := range list {
		ok = ok && strings.HasPrefix(p.From, newPrefix) && filepath.Base(p.From) == p.From && p.Slot >= firstSlot
	}
	if !ok {
		return nil, homeError("%s is damaged or of a newer version: coffer check --repair moves it aside, and what it is about", h.path(placingName))
	}
	return list, nil
}

// startPlacing writes the list.
func (h home) startPlacing(list []placed) error {
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return h.writeFile(placingName, placingHead+string(text)+"\n")
}

// finishPlacing puts what is left of the list in its place, and returns where that is. To
// do it twice does no harm. The caller holds the lock.
func (h home) finishPlacing() ([]placed, error) {
	list, err := h.readPlacing()
	if err != nil || list == nil {
		return nil, err
	}
	for i := range list {
		if err := h.place(&list[i]); err != nil {
			return nil, restoreError(err)
		}
	}
	if err := syncDir(h.path(partitionsName)); err != nil {
		return nil, restoreError(err)
	}
	if err := os.Remove(h.path(placingName)); err != nil {
		return nil, restoreError(err)
	}
	return list, restoreError(syncDir(h.dir))
}

// place renames one, unless that is done. Where somebody has taken the slot by hand it
// gets the next.
func (h home) place(p *placed) error {
	from := h.path(partitionsName, p.From)
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	slot, err := h.freeSlot(p.Slot)
	if err != nil {
		return err
	}
	p.Slot = slot
	return os.Rename(from, h.partitionDir(slot))
}

// isOfRestore reports whether this is the list of a restore of the same.
func isOfRestore(placing []placed, list []*Restored) bool {
	if len(placing) == 0 || len(placing) != len(list) {
		return false
	}
	for i, p := range placing {
		if w := list[i]; w.Replace != 0 || w.Serial != p.Serial || w.Generation != p.Generation {
			return false
		}
	}
	return true
}

// place gives those of the restored partitions their places that take nobody else's, as
// acts on the home.
func (r *restoring) place() error {
	list, which, err := r.assign()
	if err != nil || len(list) == 0 {
		return err
	}
	var acts []audit.Event
	for n, i := range which {
		acts = append(acts, audit.Event{Act: audit.Restore, Slot: uint64(list[n].Slot), Detail: r.describe(i)})
	}
	return r.m.home.recordedAll(r.m.root, acts, func([]audit.Event) error {
		if err := r.m.home.startPlacing(list); err != nil {
			return err
		}
		for _, i := range which {
			r.dirs[i] = "" // from here on they are not for us to remove
		}
		placed, err := r.m.home.finishPlacing()
		for n := range placed {
			r.list[which[n]].At = placed[n].Slot
		}
		return err
	})
}

// assign finds slots: that which is wanted, if there never was a partition in it, or
// else the next.
func (r *restoring) assign() (list []placed, which []int, err error) {
	_, next, err := r.m.home.numbers()
	if err != nil {
		return nil, nil, err
	}
	taken := map[ck.SlotID]bool{}
	for i, want := range r.list {
		if want.Replace != 0 {
			continue
		}
		slot, err := r.m.home.freeSlot(want.Slot)
		if err != nil {
			return nil, nil, err
		}
		for ; taken[slot]; next++ {
			slot = next
		}
		taken[slot] = true
		if r.there(want.Serial) {
			if err := markBeside(r.dirs[i]); err != nil {
				return nil, nil, restoreError(err)
			}
		}
		which = append(which, i)
		list = append(list, placed{filepath.Base(r.dirs[i]), slot, want.Serial, want.Generation})
	}
	return list, which, nil
}

// finishRestore puts in place what a restore that was cut off has left. The caller holds
// m.mu and the home's lock.
func (m *Module) finishRestore() error {
	list, err := m.home.finishPlacing()
	if err != nil || list == nil {
		return err
	}
	return m.refresh()
}
