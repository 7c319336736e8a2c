package backup

import (
	"errors"
	"io"
	"math"
	"path/filepath"
	"testing"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
)

// forge makes a backup of the partition in a slot whose contents change has changed before
// they were sealed, as whoever can open a backup can make one.
func forge(t *testing.T, m *hsm.Module, slot ck.SlotID, to Recipients, change func(*Partition)) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "forged.backup")
	err := WriteFile(path, func(w io.Writer) error {
		return m.Export([]ck.SlotID{slot}, func(list []*partition.Export) error {
			b := &creation{Options: Options{To: to}, contents: newContents("forged")}
			if err := b.plan(uint64(slot), list[0]); err != nil {
				return err
			}
			change(&b.contents.Partitions[0])
			return b.write(w)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A partition under another's serial number, by which a restore is held against what the
// home has, is refused.
func TestForgedSerial(t *testing.T) {
	m, by := openHome(t, newHome(t)), key(t)
	slot := newPartition(t, m, "a")
	for _, serial := range []string{"", "0123456789abcdef", "../../x\x1b[31m"} {
		path := forge(t, m, slot, Recipients{by.Recipient()}, func(p *Partition) { p.Serial = serial })
		if _, err := OpenChain([]string{path}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", serial, err)
		}
	}
}

// A slot that is none is not asked for: what was restored would be in no slot, and there
// would be no next one.
func TestForgedSlot(t *testing.T) {
	by := key(t)
	for _, slot := range []uint64{0, 1<<31 - 1, 1 << 31, math.MaxUint64} {
		m := openHome(t, newHome(t))
		mine := newPartition(t, m, "a", "k1")
		path := forge(t, m, mine, Recipients{by.Recipient()}, func(p *Partition) { p.Slot = slot })
		list := restore(t, chain(t, by, path), m, Restoring{})
		if at := list[0].At; at != mine+1 || partitionIn(m, at) == nil {
			t.Errorf("of slot %d came to %d", slot, at)
		}
		if next := newPartition(t, m, "b"); next != mine+2 {
			t.Errorf("the next is in slot %d", next)
		}
	}
}
