package hsm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
)

// Undoes is the error of Restore for partitions that are older than what the home has
// of them, or knows of them, and what would be undone.
type Undoes struct{ Reasons []string }

func (u *Undoes) Error() string {
	return "the backup is older than what it would be restored to: " + strings.Join(u.Reasons, "; ")
}

// undone is something that a restore would undo, and where that is known from.
type undone struct{ where, what string }

func undoneIn(where string, what []string) (list []undone) {
	for _, w := range what {
		list = append(list, undone{where, w})
	}
	return list
}

const cannotCompare = "what there is cannot be compared"

// undoes compares what was restored with what the home has of the same partitions, or
// what is left of them, and fails with Undoes if something would be undone; with force it
// only keeps what. Who asks again has only that read which has come since.
func (r *restoring) undoes(force bool) error {
	past, err := r.past()
	if err != nil && !force {
		return err
	}
	var all []string
	for i, want := range r.list {
		want.Undone = nil
		found, err := r.undoneOf(i, past)
		if err != nil && !force {
			return err
		}
		if err != nil {
			found = append(found, undone{"in this home", cannotCompare})
		}
		for _, u := range found {
			want.Undone = append(want.Undone, u.what)
			all = append(all, fmt.Sprintf("partition %s %s: %s", want.Serial, u.where, u.what))
		}
	}
	if len(all) == 0 || force {
		return nil
	}
	return &Undoes{all}
}

// undoneOf compares one with all that the home has of it.
func (r *restoring) undoneOf(i int, past *past) (found []undone, err error) {
	there := false
	for _, slot := range slices.Sorted(maps.Keys(r.m.partitions)) {
		p := r.m.partitions[slot]
		if _, twin := r.m.twins[slot]; twin {
			continue
		}
		if p.Err() != nil {
			more, err := r.undoneInBroken(i, slot, past)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
			continue
		}
		if p.Info().Serial != r.list[i].Serial {
			continue
		}
		there = true
		reasons, err := r.looks[i].Undone(p, r.stores[i], r.backed(i), r.m.home.formerLogs()...)
		if err != nil {
			return nil, err
		}
		found = append(found, undoneIn(fmt.Sprintf("in slot %d", slot), reasons)...)
	}
	if there {
		return found, nil
	}
	gone, err := r.undoneOfGone(i, past)
	return append(found, gone...), err
}

// undoneInBroken compares one with a partition that cannot be opened, by its log.
func (r *restoring) undoneInBroken(i int, slot ck.SlotID, past *past) ([]undone, error) {
	want, where := r.list[i], fmt.Sprintf("in slot %d, which cannot be opened", slot)
	reasons, ours, err := r.undoneByLog(i, r.m.home.partitionDir(slot))
	switch {
	case err != nil:
		return nil, err
	case ours:
		return undoneIn(where, reasons), nil
	case slot == want.Replace:
		return []undone{{where, "what there is cannot be opened, so there is nothing to compare with"}}, nil
	case past.holds[slot] == want.Serial:
		return []undone{{where, cannotCompare}}, nil
	}
	return nil, nil
}

// undoneOfGone compares one with what is left of partitions that were there.
func (r *restoring) undoneOfGone(i int, past *past) (found []undone, err error) {
	serial := r.list[i].Serial
	told := map[ck.SlotID]bool{}
	for _, left := range r.m.home.remains() {
		reasons, ours, err := r.undoneByLog(i, left.dir)
		if err != nil {
			return nil, err
		}
		if !ours {
			continue
		}
		if left.deleted {
			told[left.slot] = true
			found = append(found, past.deletion(left.slot, serial))
		}
		found = append(found, undoneIn(left.where(), reasons)...)
	}
	if d, deleted := past.deleted[serial]; deleted && !told[d.slot] {
		found = append(found, past.deletion(d.slot, serial))
	}
	return found, nil
}

// undoneByLog compares one with the log of the partition in a directory.
func (r *restoring) undoneByLog(i int, dir string) (reasons []string, ours bool, err error) {
	return r.looks[i].UndoneByLog(r.stores[i], r.m.root, auditDir(dir), r.backed(i))
}

// formerLogs are the directories of the logs of what is left of partitions.
func (h home) formerLogs() (dirs []string) {
	for _, left := range h.remains() {
		dirs = append(dirs, auditDir(left.dir))
	}
	return dirs
}

// backed says which state of its partition one is.
func (r *restoring) backed(i int) partition.Backed {
	return partition.Backed{Generation: r.list[i].Generation, At: r.list[i].Made}
}
