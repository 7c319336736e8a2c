package hsm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/private"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// besideName is the file in the directory of a partition that was restored beside
// another copy of it, so that whoever did it wants both (FORMAT.md).
const besideName = "beside"

// isBeside reports whether the partition in a directory was restored beside another copy.
func isBeside(dir string) bool {
	_, err := private.Lstat(filepath.Join(dir, besideName))
	return !errors.Is(err, fs.ErrNotExist)
}

// markDir puts an empty file into the directory of a partition that is not in its place yet.
func markDir(dir, name string) error {
	f, err := store.OpenInPlace(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), private.SyncDir(dir))
}

// twinError is why a partition is refused that is in a lower slot too: two copies of a
// directory that both are written to are two halves of what was one.
func twinError(n, first ck.SlotID, serial string) error {
	return fmt.Errorf("it is a copy of the partition in slot %d (serial number %s): keep one; coffer check tells which has changed last", first, serial)
}

// refuseTwins puts a stand-in in the place of each partition that is a copy of one in a
// lower slot, unless it was restored beside that. Where the other has gone, the copy is
// opened. The caller holds m.mu.
func (m *Module) refuseTwins(used []ck.SlotID) {
	first := map[string]ck.SlotID{}
	for _, n := range used {
		p := m.partitions[n]
		serial := p.Info().Serial
		if serial == "" {
			continue
		}
		other, twin := first[serial]
		if !twin {
			first[serial] = n
			continue
		}
		if isBeside(m.home.partitionDir(n)) {
			continue
		}
		p.Abandon()
		err := ck.Errorf(ck.CKR_DEVICE_ERROR, "partition %s: %w", m.home.partitionDir(n), twinError(n, other, serial))
		m.partitions[n] = partition.Broken("(a copy of another)", err)
		m.twins[n] = other
	}
}

// forgetTwins forgets the stand-ins of copies whose other has gone.
func (m *Module) forgetTwins(present map[ck.SlotID]bool) {
	for n, other := range m.twins {
		if !present[other] || !present[n] {
			delete(m.partitions, n)
			delete(m.twins, n)
		}
	}
}

// first is the partition of the same serial number that was looked at before; p itself if
// there was none.
func (x *checker) first(p CheckedPartition) CheckedPartition {
	if first, seen := x.serials[p.Serial]; seen || p.Serial == "" {
		return first
	}
	x.serials[p.Serial] = p
	return p
}

// twin reports that p is a copy of another, and says whether it is to be moved aside.
func (x *checker) twin(p, first CheckedPartition) (move bool) {
	if p.Serial == "" || first.Slot == p.Slot {
		return false
	}
	what := fmt.Sprintf("it is a copy of the partition in slot %d (serial number %s); its last change is number %d, and that of the other %d",
		first.Slot, p.Serial, p.Generation, first.Generation)
	if isBeside(x.home.partitionDir(p.Slot)) {
		x.report.note(called(p), what, "it was restored beside it: delete the one that is of no use any more")
		return false
	}
	x.report.find(called(p), errors.New(what), fmt.Sprintf("it is not opened; coffer check --repair slot:%d moves it aside; to keep it instead, move %s out of the home",
		p.Slot, x.home.partitionDir(first.Slot)))
	return slices.ContainsFunc(x.o.Partitions, func(name string) bool { return NamedBy(name, "", "", p.Slot) == BySlot })
}
