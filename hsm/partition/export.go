package partition

import (
	"crypto/subtle"
	"iter"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Export is a partition as it stands in one state of its store, for a backup: its
// values and records, sealed as they are. It is valid until the function returns that
// Partition.Export called.
type Export struct {
	p      *Partition
	tx     store.Tx
	header header
}

// Export runs f on a copy of the partition as it is now. Others go on meanwhile. The
// copy is whole: a partition that is damaged is not backed up, but refused with
// CKR_DEVICE_ERROR.
func (p *Partition) Export(f func(*Export) error) error {
	if err := p.sync(); err != nil {
		return err
	}
	return storeError(p.store.Snapshot(func(tx store.Tx) error {
		e := &Export{p: p, tx: tx}
		if err := e.check(); err != nil {
			return err
		}
		return f(e)
	}))
}

// check adds up values and records.
func (e *Export) check() error {
	s, err := e.p.readState(e.tx, e.tx.Generation())
	if err != nil {
		return err
	}
	payload, _, err := e.p.readMeta(e.tx, metaPartition)
	if err != nil {
		return err
	}
	if e.header, err = decodeHeader(payload); err != nil {
		return err
	}
	var sum seal.SetDigest
	for name, value := range e.tx.Metas() {
		if name != metaState {
			sum.Add(e.p.metaTag(name, value))
		}
	}
	for id, record := range e.tx.All() {
		sum.Add(e.p.root.RecordTag(id, record))
	}
	if subtle.ConstantTimeCompare(sum[:], s.digest[:]) != 1 || s.records != uint64(e.tx.Len()) {
		return errOtherSet
	}
	return nil
}

// ID is random and stays with the partition wherever it goes.
func (e *Export) ID() [16]byte { return e.header.id }

// Serial is made of the ID: what PKCS #11 shows of it.
func (e *Export) Serial() string { return e.header.Serial }

// Label is the token's.
func (e *Export) Label() string { return e.header.Label }

// Epoch is another one each time the token is initialised anew, or restored: what
// changed since a generation makes sense in one epoch only.
func (e *Export) Epoch() string { return e.header.Epoch }

// Generation numbers the state.
func (e *Export) Generation() uint64 { return e.tx.Generation() }

// Len is the number of records.
func (e *Export) Len() int { return e.tx.Len() }

// Values are the named values, by name.
func (e *Export) Values() iter.Seq2[string, []byte] { return e.tx.Metas() }

// Records are all records.
func (e *Export) Records() iter.Seq2[api.ObjectID, []byte] {
	return func(yield func(api.ObjectID, []byte) bool) {
		for id, b := range e.tx.All() {
			if !yield(api.ObjectID(id), b) {
				return
			}
		}
	}
}

// Record is one record; it may have been deleted.
func (e *Export) Record(id api.ObjectID) ([]byte, bool) { return e.tx.Get(store.ID(id)) }

// Changes lists the records that were put or deleted after a generation of this epoch;
// ok is false where that is not known any more.
func (e *Export) Changes(since uint64) (ids []api.ObjectID, ok bool) {
	changed, ok := e.tx.Changes(since)
	for _, id := range changed {
		ids = append(ids, api.ObjectID(id))
	}
	return ids, ok
}

// Wrap seals the partition root under a root key: that of the backup.
func (e *Export) Wrap(root *seal.Root) ([]byte, error) { return root.WrapPartition(e.p.root) }
