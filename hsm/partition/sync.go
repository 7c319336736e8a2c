package partition

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// storeError gives an error of the store the code that PKCS #11 has for it.
func storeError(err error) error {
	var rv ck.RV
	if err == nil || errors.As(err, &rv) {
		return err
	}
	return ck.Errorf(DiskCode(err), "%w", err)
}

// DiskCode is the code for an error of files: CKR_DEVICE_MEMORY if there is no room,
// or CKR_DEVICE_ERROR.
func DiskCode(err error) ck.RV {
	if store.NoRoom(err) || errors.Is(err, store.ErrTooLarge) {
		return ck.CKR_DEVICE_MEMORY
	}
	return ck.CKR_DEVICE_ERROR
}

// errClosed is the answer of a partition that has been removed, or whose module has
// been closed, to whoever still holds on to it.
var errClosed = ck.Errorf(ck.CKR_DEVICE_REMOVED, "the partition is closed")

// sync brings the cache up to date with what other processes have committed: one
// memory read if nothing has changed.
func (p *Partition) sync() error {
	if p.broken != nil {
		return p.broken
	}
	if p.closed.Load() {
		return errClosed
	}
	if p.upToDate() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return errClosed
	}
	if p.upToDate() { // another thread was faster
		return nil
	}
	return p.load()
}

// lookAgain is how often calls look at the store while another process is committing.
const lookAgain = time.Millisecond

// glance is the last look at the store while a commit was under way.
type glance struct {
	commit uint64 // which
	at     time.Time
}

// upToDate reports whether there is nothing to be seen in the store. What another
// process is committing may be there at any moment, up to the end of its fsync. But
// until that end nobody has been told that it is, so that it is soon enough to look
// for it every now and then. The end counts the word up; so do commits before it.
func (p *Partition) upToDate() bool {
	now := p.store.Generation()
	if now == p.seen.Load() {
		return true
	}
	commit, underWay := store.CommitUnderWay(now)
	last := p.glanced.Load()
	return underWay && last != nil && last.commit == commit && time.Since(last.at) < lookAgain
}

// load reads what has changed since the last load, or everything. The generation
// word is read first: a commit that comes in between is seen next time.
func (p *Partition) load() error { return p.loadThen(func(store.Tx) error { return nil }) }

// loadThen is load, and then f, in the same transaction: its records are those that
// were checked.
func (p *Partition) loadThen(f func(store.Tx) error) error {
	word, began := p.store.Generation(), time.Now()
	err := p.store.View(func(tx store.Tx) error {
		if err := p.loadMetas(tx); err != nil {
			return err
		}
		s, err := p.readState(tx, tx.Generation())
		if err != nil {
			return err
		}
		if err := p.loadRecords(tx); err != nil {
			return err
		}
		if err := p.check(tx, s); err != nil {
			return err
		}
		p.endDeleted()
		return f(tx)
	})
	if err != nil {
		p.generation = 0 // whatever was read is not to be built on
		return storeError(err)
	}
	p.seen.Store(word)
	if commit, underWay := store.CommitUnderWay(word); underWay {
		p.glanced.Store(&glance{commit, began})
	}
	return nil
}

// loadMetas reads the meta values, the header first, which tells whether the token has
// been initialised anew. The digest covers all of them but the one that it is in.
func (p *Partition) loadMetas(tx store.Tx) error {
	header, ok := tx.Meta(metaPartition)
	if !ok {
		return damaged("value %q is missing", metaPartition)
	}
	if err := p.takeMeta(metaPartition, header); err != nil {
		return err
	}
	n := 0
	for name, value := range tx.Metas() {
		if name == metaState {
			continue
		}
		n++
		if err := p.takeMeta(name, value); err != nil {
			return err
		}
	}
	if n < len(p.metas) {
		p.dropMetas(tx)
	}
	return p.loadTerms()
}

// takeMeta puts a meta value into the cache. One that has not changed is as authentic
// as it was.
func (p *Partition) takeMeta(name string, value []byte) error {
	old, had := p.metas[name]
	if had && bytes.Equal(old.value, value) {
		return nil
	}
	value = bytes.Clone(value)
	payload, err := p.openMeta(name, value)
	if err != nil {
		return err
	}
	now := seenMeta{payload, value, p.metaTag(name, value)}
	if had {
		p.sum.Remove(old.tag)
	}
	p.metas[name] = now
	p.sum.Add(now.tag)
	switch name {
	case metaPartition:
		return p.startOver(payload)
	case metaAudit:
		p.uses.Store(audit.RecordsUses(payload))
	}
	return nil
}

// dropMetas forgets the values that are no longer there.
func (p *Partition) dropMetas(tx store.Tx) {
	for name, old := range p.metas {
		if _, ok := tx.Meta(name); !ok {
			p.sum.Remove(old.tag)
			delete(p.metas, name)
		}
	}
}

// startOver forgets all that belongs to another epoch, logins included.
func (p *Partition) startOver(payload []byte) error {
	h, err := decodeHeader(payload)
	if err != nil {
		return err
	}
	if p.header.Epoch != h.Epoch {
		p.forgetAll()
		p.generation = 0
	}
	p.header = h
	return nil
}

// forgetAll ends all logins, wipes the partition's keys and empties the cache of objects.
func (p *Partition) forgetAll() {
	p.index.stale = true
	for e := range p.all() {
		if !e.ofSession() {
			p.sum.Remove(e.tag)
		}
		p.remove(e)
	}
	p.index = index{}
	for id := range p.identities {
		p.forget(id)
	}
	p.rings.zero()
	if p.private != nil {
		p.private.Zero()
		p.private = nil
	}
}

func (p *Partition) loadRecords(tx store.Tx) error {
	changed, ok := tx.Changes(p.generation)
	if p.generation == 0 || !ok {
		return p.loadAll(tx)
	}
	for _, id := range changed {
		b, found := tx.Get(id)
		if !found {
			p.drop(api.ObjectID(id))
			continue
		}
		if err := p.take(api.ObjectID(id), b); err != nil {
			return err
		}
	}
	return nil
}

// loadAll takes every record, and forgets the objects that there is none of.
func (p *Partition) loadAll(tx store.Tx) error {
	p.index.stale = true
	if len(p.objects) == 0 {
		p.objects = make(map[api.ObjectID]*entry, tx.Len())
	}
	gone := map[api.ObjectID]bool{}
	for id := range p.objects {
		gone[id] = true
	}
	fresh, err := p.openAll(tx)
	if err != nil {
		return err
	}
	for _, e := range fresh {
		delete(gone, e.id)
		p.replace(e.entry)
	}
	for id := range gone {
		p.drop(id)
	}
	p.rebuild()
	return nil
}

// take puts a record of the store into the cache, in place of an older one.
func (p *Partition) take(id api.ObjectID, b []byte) error {
	e, err := p.newLoader().entry(id, b)
	if err == nil {
		p.replace(e)
	}
	return err
}

// replace puts an entry into the cache, unless it is there.
func (p *Partition) replace(e *entry) {
	if p.objects[e.id] == e {
		return
	}
	p.drop(e.id)
	p.add(e)
	p.sum.Add(e.tag)
}

// drop forgets a token object.
func (p *Partition) drop(id api.ObjectID) {
	if e := p.objects[id]; e != nil {
		p.sum.Remove(e.tag)
		p.remove(e)
	}
}

// check compares what was loaded with the state that the last writer left.
func (p *Partition) check(tx store.Tx, s state) error {
	if subtle.ConstantTimeCompare(p.sum[:], s.digest[:]) != 1 || s.records != uint64(tx.Len()) {
		return errOtherSet
	}
	p.generation = tx.Generation()
	return nil
}

// errOtherSet is what a digest says that does not fit.
var errOtherSet = damaged("its records are not those that were written: one was removed, put back or exchanged")
