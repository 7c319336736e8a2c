package backup

import (
	"bufio"
	"crypto/fips140"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"

	"filippo.io/age"
	"github.com/coffer-hsm/coffer/hsm"
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/backup/approved"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/partition"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// Options say how a backup is made.
type Options struct {
	To Recipients // whose keys open it, of age
	// Approved has the file sealed with approved algorithms, for ToApproved in the place of
	// To. In approved mode there is no other way: ErrNotApproved.
	Approved   bool
	ToApproved []approved.Recipient
	Since      *Contents // of the backup that it goes on from; nil: a full one
	// Custodians open it as well, or alone, if they are not nil. It is their backup then,
	// and they are for no other.
	Custodians *Custodians
	Progress   hsm.Progress // counts records; may be nil
}

// Create writes a backup of the partitions in some slots, while they are in use: each is
// there as it was at one moment. CKR_DEVICE_ERROR is the answer to one that is damaged.
func Create(w io.Writer, m *hsm.Module, slots []ck.SlotID, o Options) (*Contents, error) {
	c := newContents(hsm.Version)
	c.Approved = o.Approved
	if fips140.Enabled() && !o.Approved {
		return nil, ErrNotApproved
	}
	if o.Approved && len(o.To) > 0 || !o.Approved && len(o.ToApproved) > 0 {
		return nil, errMixed
	}
	if o.Custodians != nil {
		c.ID = hex.EncodeToString(o.Custodians.id[:])
		c.Shares = o.Custodians.known.Params()
	}
	if len(o.To)+len(o.ToApproved) == 0 && o.Custodians == nil {
		return nil, errNobody
	}
	if o.Since != nil {
		c.Base = o.Since.ID
	}
	err := m.Export(slots, func(list []*partition.Export) error {
		b := &creation{Options: o, contents: c}
		for i, e := range list {
			if err := b.plan(uint64(slots[i]), e); err != nil {
				return err
			}
		}
		if err := b.record(m, slots); err != nil {
			return err
		}
		return b.write(w)
	})
	return c, err
}

// creation is the work of Create.
type creation struct {
	Options
	contents    *Contents
	parts       []planned
	done, total int // records
}

// planned is what of a partition comes into the file.
type planned struct {
	*partition.Export
	changed []api.ObjectID // if not all
	all     bool
}

// plan finds out what has to be in the file.
func (b *creation) plan(slot uint64, e *partition.Export) error {
	id := e.ID()
	p := Partition{
		Slot: slot, ID: hex.EncodeToString(id[:]), Serial: e.Serial(), Label: e.Label(),
		Epoch: e.Epoch(), Generation: e.Generation(), Objects: e.Len(),
	}
	if twin := b.contents.find(&p); twin != nil {
		return ck.Errorf(ck.CKR_DEVICE_ERROR, "slot %d has a copy of the files of slot %d, and a backup cannot tell them apart: name one of the two", slot, twin.Slot)
	}
	part := planned{Export: e, all: true}
	if b.Since != nil {
		if base := b.Since.find(&p); base != nil {
			if ids, ok := e.Changes(base.Generation); ok {
				part.all, part.changed, p.Since = false, ids, base.Generation
			}
		}
	}
	if part.all {
		b.total += e.Len()
	} else {
		b.total += len(part.changed)
	}
	b.contents.Partitions = append(b.contents.Partitions, p)
	b.parts = append(b.parts, part)
	return nil
}

func (b *creation) write(w io.Writer) error {
	head, err := b.contents.head()
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	sealed, err := b.envelope(w, head)
	if err != nil {
		return err
	}
	f := &frames{w: bufio.NewWriterSize(sealed, 64<<10)}
	sum := sha256.Sum256(head)
	f.write(sum[:])
	if err := b.writeParts(f); err != nil {
		return err
	}
	if err := f.last(); err != nil {
		return err
	}
	return sealed.Close()
}

// envelope begins the envelope behind the head of the file.
func (b *creation) envelope(w io.Writer, head []byte) (io.WriteCloser, error) {
	if b.Approved {
		to := slices.Clone(b.ToApproved)
		if b.Custodians != nil {
			to = append(to, approved.Shares{Key: b.Custodians.to.key})
		}
		return approved.Seal(w, head, to)
	}
	to := slices.Clone(b.To)
	if b.Custodians != nil {
		to = append(to, b.Custodians.to)
	}
	return age.Encrypt(w, to...)
}

// writeParts makes the backup's own root key and writes the partitions under it.
func (b *creation) writeParts(f *frames) error {
	key := secret.New(seal.KeySize)
	rand.Read(key.Expose())
	f.write(key.Expose())
	root, err := seal.NewRoot(key)
	if err != nil {
		return err
	}
	defer root.Zero()
	for _, p := range b.parts {
		wrap, err := p.Wrap(root)
		if err != nil {
			return err
		}
		f.partition(wrap)
		for name, value := range p.Values() {
			f.value(name, value)
		}
		b.writeRecords(f, p)
		f.end()
		if f.err != nil {
			return f.err
		}
	}
	return nil
}

func (b *creation) writeRecords(f *frames, p planned) {
	if p.all {
		for id, record := range p.Records() {
			if f.record(id, record); f.err != nil {
				return
			}
			b.step()
		}
		return
	}
	var gone []api.ObjectID
	for _, id := range p.changed {
		if record, there := p.Record(id); there {
			f.record(id, record)
			b.step()
		} else {
			gone = append(gone, id)
		}
	}
	for _, id := range gone {
		f.delete(id)
		b.step()
	}
}

func (b *creation) step() {
	if b.done++; b.Progress != nil {
		b.Progress(b.done, b.total)
	}
}
