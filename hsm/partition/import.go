package partition

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Import takes in a partition that an Export gave: first its values, then its records
// in any order, then Finish. Everything is checked: each value's MAC, each record's
// form and term, the seal of public ones, and in the end the digest of all. Only values
// are kept in memory.
type Import struct {
	p       *Partition // without a store: what opens values and records
	st      store.Store
	values  map[string][]byte
	ready   bool
	records state // those that came
	batch   []imported
	size    int // bytes in batch
}

type imported struct {
	id     store.ID
	record []byte
}

const (
	batchRecords = 1000
	batchBytes   = 4 << 20
)

// NewImport begins with the partition root, wrapped under a root key (Export.Wrap). It
// writes to st, a store that is empty and of the Export's generation, or to nothing if
// st is nil: then all is only checked. Finish or Close ends it.
func NewImport(id [16]byte, root *seal.Root, wrap []byte, st store.Store) (*Import, error) {
	keys, err := root.UnwrapPartition(id, wrap)
	if err != nil {
		return nil, damaged("its root: %w", err)
	}
	return &Import{
		p:      &Partition{root: keys, id: id, options: Options{}.Default(), metas: map[string]seenMeta{}},
		st:     st,
		values: map[string][]byte{},
	}, nil
}

// Close wipes keys.
func (i *Import) Close() {
	i.p.rings.zero()
	i.p.root.Zero()
}

// Value takes in a named value.
func (i *Import) Value(name string, value []byte) error {
	if _, twice := i.values[name]; twice || i.ready {
		return damaged("value %q is out of place", name)
	}
	i.values[name] = bytes.Clone(value)
	return nil
}

// open checks all values and opens the keys that take no PIN, as Open does.
func (i *Import) open() error {
	if i.ready {
		return nil
	}
	header, ok := i.values[metaPartition]
	if !ok {
		return damaged("value %q is missing", metaPartition)
	}
	if err := i.p.takeMeta(metaPartition, header); err != nil {
		return err
	}
	if i.p.header.id != i.p.id {
		return damaged("it is another partition")
	}
	for name, value := range i.values {
		if name == metaState {
			continue
		}
		if err := i.p.takeMeta(name, value); err != nil {
			return err
		}
	}
	if _, err := policyOf(i.p.header); err != nil {
		return err
	}
	i.ready = true
	return i.p.loadTerms()
}

// Record takes in a record.
func (i *Import) Record(id api.ObjectID, b []byte) error {
	if err := i.open(); err != nil {
		return err
	}
	r, err := splitRecord(b)
	if err != nil {
		return err
	}
	k, err := i.p.rings.keyOf(&r)
	if err != nil {
		return err
	}
	if k != nil {
		if _, err := i.p.openObject(k, id, r); err != nil {
			return err
		}
	}
	i.records.digest.Add(i.p.root.RecordTag(id, b))
	i.records.records++
	if i.st == nil {
		return nil
	}
	i.batch = append(i.batch, imported{store.ID(id), bytes.Clone(b)})
	if i.size += len(b); len(i.batch) >= batchRecords || i.size >= batchBytes {
		return i.flush()
	}
	return nil
}

// flush writes the records that have gathered.
func (i *Import) flush() error {
	err := i.st.Update(func(tx store.Tx) error {
		for _, r := range i.batch {
			if _, twice := tx.Get(r.id); twice {
				return damaged("record %x is there twice", r.id)
			}
			if err := tx.Put(r.id, r.record); err != nil {
				return err
			}
		}
		return nil
	})
	i.batch, i.size = i.batch[:0], 0
	return storeError(err)
}

// Finish holds what came against the digest that the partition had in a generation and,
// if there is a store, makes it a partition of root: a new epoch, all else as it was.
func (i *Import) Finish(generation uint64, root *seal.Root) error {
	if err := i.open(); err != nil {
		return err
	}
	if err := i.check(generation); err != nil {
		return err
	}
	if i.st == nil {
		return nil
	}
	if err := i.flush(); err != nil {
		return err
	}
	wrap, err := wrapRoot(root, i.p.root)
	if err != nil {
		return err
	}
	return storeError(i.st.Update(func(tx store.Tx) error {
		w := &writer{tx: tx, p: i.p, state: i.records}
		return i.writeValues(w, wrap)
	}))
}

// check compares sums. The tags of values are in p.sum already.
func (i *Import) check(generation uint64) error {
	payload, err := i.p.root.OpenState(metaState, generation, i.values[metaState])
	if err != nil {
		return damaged("value %q is not the one of generation %d", metaState, generation)
	}
	want, ok := decodeState(payload)
	if !ok {
		return damaged("value %q has a wrong length", metaState)
	}
	sum := i.p.sum
	sum.Add(i.records.digest)
	if subtle.ConstantTimeCompare(sum[:], want.digest[:]) != 1 || i.records.records != want.records {
		return errOtherSet
	}
	return nil
}

// leftOut are the values that belong to the home that a partition was in.
var leftOut = []string{metaPartition, metaRoots, metaState, metaAudit}

func (i *Import) writeValues(w *writer, wrap rootWrap) error {
	if uint64(w.tx.Len()) != i.records.records {
		return damaged("a record is there twice")
	}
	for name, m := range i.p.metas {
		if slices.Contains(leftOut, name) {
			continue
		}
		if err := w.putMeta(name, m.payload); err != nil {
			return err
		}
	}
	if audit.RecordsUses(i.p.metas[metaAudit].payload) { // the log begins anew, and goes on with that
		if err := w.putMeta(metaAudit, audit.Anchor{Uses: true}.Encode()); err != nil {
			return err
		}
	}
	if err := w.putRoots([]rootWrap{wrap}); err != nil {
		return err
	}
	h := i.p.header
	var epoch [16]byte
	rand.Read(epoch[:])
	h.Epoch = hex.EncodeToString(epoch[:])
	payload, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := w.putMeta(metaPartition, payload); err != nil {
		return err
	}
	return w.finish()
}
