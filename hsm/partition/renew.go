package partition

import (
	"encoding/json"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/seal"
)

// The key that PINs open is changed when a rotation begins, without any PIN, by enclosing
// the new one in the box of each PIN's record.

// Renewed tells whether the last rotation has changed the key that PINs open: who had the
// one before still opens everything if not.
type Renewed struct {
	PINKey bool
	// Waiting is whose PIN has not been given since this version of Coffer: as long as
	// there is one such, the key stays, as it could not be enclosed to them.
	Waiting []string
}

// renewPINKey changes the key that PINs open and seals the keys of t under it, unless
// there are records of PINs that do not take it. Nothing is left that leads from the old
// key to the new one.
func (w *writer) renewPINKey(t *terms) error {
	pins, whole, err := w.pins()
	if err != nil || !whole {
		return err
	}
	keys, err := w.p.readPINKeys(w.tx)
	if err != nil {
		return err
	}
	next, err := seal.NewKey()
	if err != nil {
		return err
	}
	defer func() { next.Zero() }()
	if err := w.rewrapPrivate(t, next); err != nil {
		return err
	}
	wrap, err := next.WrapKey(w.p.id, w.private, beforePurpose(keys.Term+1))
	if err != nil {
		return err
	}
	oldest := keys.Term
	keys.Term++
	for meta, a := range pins {
		oldest = min(oldest, a.Box.Knows)
		if err := w.refill(meta, a, next, keys.Term); err != nil {
			return err
		}
	}
	keys.Before = append(keys.Before, termWrap{keys.Term, wrap})
	keys.Before = slices.DeleteFunc(keys.Before, func(b termWrap) bool { return b.Term <= oldest })
	keys.Since = t.Private[len(t.Private)-1].Term + 1
	w.private, next = next, w.private
	return w.putPINKeys(keys)
}

// pins reads the records of all PINs; whole says that each has a box.
func (w *writer) pins() (pins map[string]auth, whole bool, err error) {
	pins, whole = map[string]auth{}, true
	for name := range w.tx.Metas() {
		if !isPIN(name) {
			continue
		}
		a, _, err := w.p.readPIN(w.tx, name)
		if err != nil {
			return nil, false, err
		}
		pins[name] = a
		whole = whole && a.Box != nil
	}
	return pins, whole, nil
}

// refill encloses the next key in the box of a record.
func (w *writer) refill(meta string, a auth, next *seal.Key, term uint32) error {
	if !w.p.isBound(w.private, meta, a.Box) {
		return damaged("the PIN of %s: %w", whose(meta, a), errUnbound)
	}
	if err := w.p.fill(meta, a.Box, next, term); err != nil {
		return err
	}
	payload, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return w.putMeta(meta, payload)
}

// rewrapPrivate puts the keys of private objects that there are under the next key.
func (w *writer) rewrapPrivate(t *terms, next *seal.Key) (err error) {
	for i, old := range t.Private {
		key := w.rings[kindPrivate].keys[old.Term]
		if key == nil {
			return damaged("the key of %s is missing", termPurpose(kindPrivate, old.Term))
		}
		if t.Private[i].Wrap, err = next.WrapKey(w.p.id, key, termPurpose(kindPrivate, old.Term)); err != nil {
			return err
		}
	}
	return nil
}

// renewPrivate opens the key that PINs open anew if another process has changed it. Who
// has logged in by a PIN that was changed since cannot, and is logged out. The caller
// holds p.mu for writing.
func (p *Partition) renewPrivate() error {
	keys, err := p.pinKeysSeen()
	if err != nil || p.private == nil || len(p.identities) == 0 || p.privateTerm == keys.Term {
		return err
	}
	var next *seal.Key
	for _, who := range p.identities {
		a := p.authSeen(who.meta)
		if opened := who.openedBy(a.Wrap); opened != nil {
			if next, err = p.openBox(who.meta, a.Box, opened.secret, keys); err != nil {
				return err
			}
			break // to all of them the same one is enclosed
		}
	}
	p.endLogins(func(who identity) bool { return who.openedBy(p.authSeen(who.meta).Wrap) == nil })
	if next == nil { // nobody is logged in any more
		return nil
	}
	p.private.Zero()
	p.private, p.privateTerm = next, keys.Term
	return nil
}

// Renewed tells of the last rotation, as last loaded.
func (p *Partition) Renewed() (r Renewed) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	keys, err := p.pinKeysSeen()
	if err != nil {
		return Renewed{}
	}
	t, err := decodeTerms(p.metas[metaTerms].payload)
	r.PINKey = err == nil && keys.Since == t.Private[len(t.Private)-1].Term
	for name := range p.metas {
		if !isPIN(name) {
			continue
		}
		if a := p.authSeen(name); a.Box == nil {
			r.Waiting = append(r.Waiting, whose(name, a))
		}
	}
	slices.Sort(r.Waiting)
	return r
}
