package hsm

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// placingName is the list of the restored partitions that are to be put in their places
// (FORMAT.md). Once it is there the restore is done, whoever does the rest.
const (
	placingName  = "restore.list"
	placingHead  = "coffer-restore 1\n"
	placingHead2 = "coffer-restore 2\n" // of a list in which something is replaced

	// incomingName is the file in the directory of a partition that is to take the place of
	// another, until it has: it tells which of the two is which.
	incomingName = "incoming"
)

// placed is a partition that a restore has made.
type placed struct {
	From       string    `json:"from"` // name in partitions/
	Slot       ck.SlotID `json:"slot"`
	Serial     string    `json:"serial"`
	Generation uint64    `json:"generation"` // of the backup
	// Aside is the name in partitions/ for what is in the slot, whose place it takes;
	// empty: it takes nobody's.
	Aside string `json:"aside,omitempty"`
}

// readPlacing reads the list; nil if there is none.
func (h home) readPlacing() ([]placed, error) {
	text, err := readPrivate(h.path(placingName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, homeError("restore: %w", err)
	}
	body, ok := strings.CutPrefix(string(text), placingHead)
	if !ok {
		body, ok = strings.CutPrefix(string(text), placingHead2)
	}
	var list []placed
	if ok {
		ok = json.Unmarshal([]byte(body), &list) == nil
	}
	for _, p := range list {
		ok = ok && strings.HasPrefix(p.From, newPrefix) && filepath.Base(p.From) == p.From && p.Slot >= firstSlot &&
			(p.Aside == "" || strings.HasPrefix(p.Aside, asidePrefix(p.Slot)) && filepath.Base(p.Aside) == p.Aside)
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
	head := placingHead
	if slices.ContainsFunc(list, func(p placed) bool { return p.Aside != "" }) {
		head = placingHead2
	}
	return h.writeFile(placingName, head+string(text)+"\n")
}

// placeAll puts what is left of the list in its place, notes where that is, and tells what
// was done. To do it twice does no harm. The caller holds the lock; exchange is h.exchange,
// or h.exchangeStill where the caller does not keep writers from what is replaced.
func (h home) placeAll(list []placed, exchange func(*placed) error) (done []audit.Event, err error) {
	for i := range list {
		p, place := &list[i], h.place
		if p.Aside != "" {
			place = exchange
		}
		left := h.has(partitionsName, p.From)
		if err := place(p); err != nil {
			return nil, restoreError(err)
		}
		if left {
			done = append(done, audit.Event{Act: audit.Restore, Slot: uint64(p.Slot),
				Detail: serialPrefix + p.Serial + ", put in its place: what a restore that was cut off had left to do"})
		}
	}
	return done, restoreError(private.SyncDir(h.path(partitionsName)))
}

// endPlacing does the rest of a restore: it places what is left, has the home's log tell,
// and removes the list. While that is there, a restore that has not ended in the log was
// done. A log that is damaged keeps nothing from its place; without the root key the list
// stays. The caller holds the lock.
func (h home) endPlacing(root *seal.Root) ([]placed, error) {
	list, err := h.readPlacing()
	if err != nil || list == nil {
		return nil, err
	}
	done, err := h.placeAll(list, h.exchangeStill)
	if err != nil || root == nil {
		return list, err
	}
	l, err := h.readyLog(root)
	if err == nil {
		defer l.close()
		if len(done) > 0 {
			err = l.Append(done...)
		}
	}
	if err != nil && !audit.Acceptable(err) {
		return nil, logError(err)
	}
	if err := private.Remove(h.path(placingName)); err != nil {
		return nil, restoreError(err)
	}
	return list, restoreError(private.SyncDir(h.dir))
}

// asidePrefix begins the name of what was in a slot.
func asidePrefix(slot ck.SlotID) string { return strconv.FormatUint(uint64(slot), 10) + replacedSuffix }

// exchange puts one in the place of another, which goes aside: at any moment there is one
// or the other. Both steps are durable before the file goes that tells them apart.
func (h home) exchange(p *placed) error {
	from, to := h.path(partitionsName, p.From), h.partitionDir(p.Slot)
	incoming := filepath.Join(to, incomingName)
	if h.has(partitionsName, p.From) {
		if _, err := private.Lstat(incoming); errors.Is(err, fs.ErrNotExist) {
			if err := exchangeOrMove(from, to); err != nil {
				return err
			}
			if err := private.SyncDir(h.path(partitionsName)); err != nil {
				return err
			}
		}
		store.Moved(from) // whoever has it open uses its keys no more
		err := private.Rename(from, h.path(partitionsName, p.Aside))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // there was nobody in its place
			return err
		}
		if err := private.SyncDir(h.path(partitionsName)); err != nil {
			return err
		}
	}
	if err := private.Remove(incoming); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return private.SyncDir(to)
}

// exchangeStill is exchange while nobody writes to what is replaced: what a writer had begun
// would be reported as done, and be done to what has gone aside.
func (h home) exchangeStill(p *placed) error {
	to := h.partitionDir(p.Slot)
	if !h.has(partitionsName, p.From) || !h.has(h.relative(to)) {
		return h.exchange(p)
	}
	return store.Still(to, func() error { return h.exchange(p) })
}

// exchangeOrMove exchanges two directories as one step, or renames the first where the
// second is gone.
func exchangeOrMove(from, to string) error {
	err := private.Exchange(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return private.Rename(from, to)
	}
	return err
}

// place renames one, unless that is done. Where somebody has taken the slot by hand it
// gets the next.
func (h home) place(p *placed) error {
	from := h.path(partitionsName, p.From)
	if _, err := private.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	slot, err := h.freeSlot(p.Slot)
	if err != nil {
		return err
	}
	p.Slot = slot
	return private.Rename(from, h.partitionDir(slot))
}

// isOfRestore reports whether this is the list of a restore of the same.
func isOfRestore(placing []placed, list []*Restored) bool {
	if len(placing) == 0 || len(placing) != len(list) {
		return false
	}
	for i, p := range placing {
		if w := list[i]; w.Serial != p.Serial || w.Generation != p.Generation || w.Replace != 0 != (p.Aside != "") ||
			w.Replace != 0 && w.Replace != p.Slot {
			return false
		}
	}
	return true
}

// place gives the restored partitions their places, as acts on the home.
func (r *restoring) place() error {
	list, err := r.assign()
	if err != nil {
		return err
	}
	var acts []audit.Event
	for i, p := range list {
		e := audit.Event{Act: audit.Restore, Detail: r.describe(i)}
		if p.Aside == "" { // else the slot tells nothing of whether it was done
			e.Slot = uint64(p.Slot)
		}
		acts = append(acts, e)
	}
	return r.m.home.recordedAll(r.m.root, acts, func([]audit.Event) error {
		err := r.m.home.startPlacing(list)
		if err != nil {
			private.Remove(r.m.home.path(placingName)) // it may be there, and not be durable
		}
		if err == nil || r.m.home.has(placingName) {
			r.dirs = nil // from here on they are not for us to remove
		}
		if err != nil {
			return err
		}
		_, err = r.m.home.placeAll(list, r.m.home.exchange)
		for i, p := range list {
			r.list[i].placed(r.m.home, p)
		}
		return err
	})
}

// placed notes where one has come to.
func (r *Restored) placed(h home, p placed) {
	r.At = p.Slot
	if p.Aside != "" {
		r.Aside = h.path(partitionsName, p.Aside)
	}
}

// assign finds slots: that which is wanted, if there never was a partition in it, or
// else the next.
func (r *restoring) assign() (list []placed, err error) {
	_, next, err := r.m.home.numbers()
	if err != nil {
		return nil, err
	}
	taken := map[ck.SlotID]bool{}
	for i, want := range r.list {
		p := placed{filepath.Base(r.dirs[i]), want.Replace, want.Serial, want.Generation, ""}
		if want.Replace != 0 {
			p.Aside = asidePrefix(want.Replace) + time.Now().UTC().Format("20060102T150405.000000000Z")
			err = markDir(r.dirs[i], incomingName)
		} else {
			if p.Slot, err = r.m.home.freeSlot(want.Slot); err != nil {
				return nil, err
			}
			for ; taken[p.Slot]; next++ {
				p.Slot = next
			}
			if r.there(want.Serial) || r.twice(want.Serial) {
				err = markDir(r.dirs[i], besideName)
			}
		}
		if err != nil {
			return nil, restoreError(err)
		}
		taken[p.Slot] = true
		list = append(list, p)
	}
	return list, nil
}

// finishRestore does the rest of a restore, if one was cut off. The caller holds m.mu and
// the home's lock.
func (m *Module) finishRestore() error {
	list, err := m.home.endPlacing(m.root)
	if err != nil || list == nil {
		return err
	}
	for _, p := range list {
		if old := m.partitions[p.Slot]; old != nil && p.Aside != "" {
			old.Abandon()
			delete(m.partitions, p.Slot)
		}
	}
	return m.refresh()
}
