package partition

import (
	"context"
	"fmt"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// rotateBatch is how many records a transaction seals anew: others wait for it some
// milliseconds.
const rotateBatch = 128

// RotateKeys gives the partition new keys to seal records under, seals all records
// under them, and drops the old ones, in the store's file too; or finishes that where it
// was cut off. Who must
// have logged in, as the user or the SO. Other processes go on meanwhile. progress is
// told how many records of how many are done. ctx ends the work between two
// transactions; what is left is done next time.
func (p *Partition) RotateKeys(ctx context.Context, who api.Caller, progress func(done, total int)) error {
	if err := p.sync(); err != nil {
		return err
	}
	if err := p.holdsPIN(who); err != nil {
		return err
	}
	if err := p.rotateBy(who, (*writer).beginRotation); err != nil {
		return err
	}
	left, err := p.underOldTerms()
	if err != nil {
		return err
	}
	for done, total := 0, len(left); ; {
		for batch := range slices.Chunk(left, rotateBatch) {
			progress(done, total)
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := p.rotateBy(who, func(w *writer) error { return w.resealAll(batch) }); err != nil {
				return err
			}
			done += len(batch)
		}
		// The end counts again: another process may have begun the rotation with us.
		left = nil
		if err := p.rotateBy(who, func(w *writer) (err error) { left, err = w.endRotation(); return err }); err != nil {
			return err
		}
		if len(left) == 0 {
			progress(total, total)
			return p.forgetOld()
		}
		total += len(left)
	}
}

// forgetOld rewrites the store's file, whose free pages have the records as they were under
// the old keys, and these keys under those before: who has kept one would open them.
func (p *Partition) forgetOld() error {
	c, ok := p.store.(store.Compacter)
	if !ok {
		return nil
	}
	if _, _, err := c.Compact(); err != nil {
		return storeError(fmt.Errorf("the keys are changed, but what was under the old ones is left in free pages: rotate again: %w", err))
	}
	return nil
}

// holdsPIN refuses a rotation by a login that it would end: that was made by a PIN which
// is another one now.
func (p *Partition) holdsPIN(who api.Caller) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	i, known := p.identities[who.Identity]
	if known && i.openedBy(p.authSeen(i.meta).Wrap) == nil {
		return ck.Errorf(ck.CKR_USER_NOT_LOGGED_IN, "the PIN was changed since the login: log in again")
	}
	return nil
}

// rotateBy runs a step of a rotation in a transaction, and loads what it has done.
func (p *Partition) rotateBy(who api.Caller, step func(*writer) error) error {
	if p.roleNow(who) == rolePublic {
		return ck.CKR_USER_NOT_LOGGED_IN
	}
	err := p.update(func(w *writer) error {
		if w.private == nil { // logged out meanwhile
			return ck.CKR_USER_NOT_LOGGED_IN
		}
		return step(w)
	})
	if err != nil {
		return err
	}
	return p.sync()
}

// Rotating reports whether a rotation of the partition's keys is not finished.
func (p *Partition) Rotating() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	t, err := decodeTerms(p.metas[metaTerms].payload)
	return err == nil && t.rotating()
}

// beginRotation adds a term of each kind, if a rotation is not under way already.
func (w *writer) beginRotation() error {
	t, err := w.readTerms()
	if err != nil || t.rotating() {
		return err
	}
	w.note(audit.Event{Act: audit.RotateKeys, Detail: "begun"})
	if err := w.renewPINKey(&t); err != nil {
		return err
	}
	for kind, list := range t.kinds() {
		next, err := w.newTerm(byte(kind), (*list)[len(*list)-1].Term+1)
		if err != nil {
			return err
		}
		*list = append(*list, next)
	}
	return w.putTerms(t)
}

// underOldTerms lists the records that are to be sealed anew, as last loaded.
func (p *Partition) underOldTerms() (ids []store.ID, err error) {
	last := p.lastTerms()
	err = p.store.View(func(tx store.Tx) error {
		ids, err = notUnder(last, tx)
		return err
	})
	return ids, storeError(err)
}

func (p *Partition) lastTerms() [2]uint32 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.rings.last()
}

// notUnder lists the records under other terms than the last ones, by kind.
func notUnder(last [2]uint32, tx store.Tx) (ids []store.ID, err error) {
	for id, b := range tx.All() {
		h, err := splitRecord(b)
		if err != nil {
			return nil, err
		}
		if h.term != last[kindOf(h.private)] {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// resealAll seals records anew, those of them that are still there.
func (w *writer) resealAll(ids []store.ID) error {
	for _, id := range ids {
		b, found := w.tx.Get(id)
		if !found {
			continue
		}
		if err := w.reseal(id, b); err != nil {
			return err
		}
	}
	return nil
}

// reseal seals both parts of a record under the last term. The object in it stays as
// it is.
func (w *writer) reseal(id store.ID, b []byte) error {
	r, err := decodeRecord(b)
	if err != nil {
		return err
	}
	ring := w.rings.of(r.private)
	from, to := ring.keys[r.term], ring.keys[ring.last]
	if r.term == ring.last {
		return nil
	}
	if from == nil {
		return damaged("object %x is of term %d, which there is not", id, r.term)
	}
	at := w.tx.Generation()
	for part, sealed := range map[byte]*[]byte{partAttributes: &r.attributes, partMaterial: &r.material} {
		if len(*sealed) == 0 {
			continue
		}
		*sealed, err = resealPart(from, to, w.p.place(api.ObjectID(id), r.generation, part), at, *sealed)
		if err != nil {
			return damaged("object %x: %w", id, err)
		}
	}
	r.term, r.generation = ring.last, at
	return w.put(id, r.encode())
}

func resealPart(from, to *seal.Key, place seal.Place, generation uint64, sealed []byte) ([]byte, error) {
	plain, err := from.Open(place, sealed)
	if err != nil {
		return nil, err
	}
	defer plain.Zero()
	place.Generation = generation
	return to.Seal(place, plain.Expose())
}

// endRotation drops the terms but the last, unless there are records under them, which
// it lists.
func (w *writer) endRotation() (left []store.ID, err error) {
	if left, err = notUnder(w.rings.last(), w.tx); err != nil || len(left) > 0 {
		return left, err
	}
	t, err := w.readTerms()
	if err != nil || !t.rotating() {
		return nil, err
	}
	w.note(audit.Event{Act: audit.RotateKeys, Detail: "done"})
	for _, list := range t.kinds() {
		*list = (*list)[len(*list)-1:]
	}
	if err := w.deleteMeta(metaPublicKey); err != nil {
		return nil, err
	}
	return nil, w.putTerms(t)
}
