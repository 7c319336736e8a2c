package backup

import (
	"fmt"
	"strings"

	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Verify proves that the chain would restore, all of it: it opens every file, reads it
// to its end, checks every value and record, and holds the whole against the digest of
// each partition. Private objects stay sealed; the digest stands for them.
func (c *Chain) Verify() error {
	parts, err := c.parts("")
	if err != nil {
		return err
	}
	return c.read(parts, nil)
}

// parts are the partitions of the newest file; with a name, the one that it means best
// (hsm.NamedBy): ErrNone.
func (c *Chain) parts(name string) (parts []*part, err error) {
	best := hsm.BySlot
	for _, p := range c.Contents().Partitions {
		way := hsm.NamedBy(name, p.Label, p.Serial, ck.SlotID(p.Slot))
		if name != "" && (way == hsm.NotNamed || way > best) {
			continue
		}
		if name != "" && way < best {
			best, parts = way, nil
		}
		parts = append(parts, &part{Partition: p})
	}
	if len(parts) == 0 {
		err = fmt.Errorf("%s: %w: %q", strings.Join(c.paths, ", "), ErrNone, name)
	}
	if len(parts) > 1 && name != "" {
		err = fmt.Errorf("%d partitions in it are called %q: name one by its serial number or its slot (coffer backup list)", len(parts), name)
	}
	return parts, err
}

// Restoring says what is restored, and to where.
type Restoring struct {
	Name    string    // of one partition in the backup, by label, serial number or slot there; empty: all
	Replace ck.SlotID // the partition whose place the one takes; 0: none's
	Force   bool      // even if something would be undone: hsm.Undoes
}

// Restore puts partitions of the chain into the home of m. All is verified on the way,
// and nothing that is there is written to (hsm.Module.Restore).
func (c *Chain) Restore(m *hsm.Module, o Restoring) ([]*hsm.Restored, error) {
	parts, err := c.parts(o.Name)
	if err != nil {
		return nil, err
	}
	if o.Replace != 0 && len(parts) != 1 {
		return nil, fmt.Errorf("there are %d partitions in the backup, and only one can take the place of another: name it", len(parts))
	}
	var list []*hsm.Restored
	for _, p := range parts {
		list = append(list, &hsm.Restored{
			Serial: p.Serial, Label: p.Label, Slot: ck.SlotID(p.Slot), Generation: p.Generation, Replace: o.Replace,
			From: c.Contents().describe(), Made: c.Contents().Time,
		})
	}
	err = m.Restore(list, o.Force, func(stores []store.Store, root *seal.Root) error {
		for i, p := range parts {
			p.st = stores[i]
		}
		return c.read(parts, root)
	})
	return list, err
}
