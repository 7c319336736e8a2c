package partition

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
)

// termWrap is the partition key of one term: an entry of metaTerms.
type termWrap struct {
	Term uint32 `json:"term"`
	Wrap []byte `json:"wrap,omitempty"` // absent of term 1: the key that was before there were terms
}

// terms is the payload of metaTerms: the keys that records are sealed under, by kind
// and in the order of their terms. New records are sealed under the last.
type terms struct {
	Public  []termWrap `json:"public"`
	Private []termWrap `json:"private"`
}

// firstTerm is that of records and keys from before there were terms.
const firstTerm = 1

// decodeTerms reads metaTerms; there is none until keys are first rotated.
func decodeTerms(payload []byte) (t terms, err error) {
	if payload == nil {
		return terms{[]termWrap{{Term: firstTerm}}, []termWrap{{Term: firstTerm}}}, nil
	}
	if err := json.Unmarshal(payload, &t); err != nil {
		return terms{}, damaged("value %q: %w", metaTerms, err)
	}
	for _, list := range t.kinds() {
		if !slices.IsSortedFunc(*list, func(a, b termWrap) int { return int(a.Term) - int(b.Term) }) || len(*list) == 0 {
			return terms{}, damaged("value %q has no order", metaTerms)
		}
	}
	return t, nil
}

// kinds are both lists, at the number of their kind in a record.
func (t *terms) kinds() [2]*[]termWrap {
	return [2]*[]termWrap{kindPublic: &t.Public, kindPrivate: &t.Private}
}

// rotating reports whether there are records under another term than the last, or may
// be.
func (t *terms) rotating() bool { return len(t.Public) > 1 || len(t.Private) > 1 }

// ring is the open partition keys of one kind. It is empty for private objects as
// long as nobody has logged in.
type ring struct {
	keys map[uint32]*seal.Key
	last uint32 // the term that records are sealed under
}

func (r *ring) open() bool { return len(r.keys) > 0 }

func (r *ring) put(term uint32, k *seal.Key) {
	if r.keys == nil {
		r.keys = map[uint32]*seal.Key{}
	}
	r.keys[term], r.last = k, term
}

// zero wipes the keys and empties the ring.
func (r *ring) zero() {
	for _, k := range r.keys {
		k.Zero()
	}
	*r = ring{}
}

func (r *ring) clone() ring {
	c := ring{last: r.last}
	for term, k := range r.keys {
		c.put(term, k.Clone())
	}
	c.last = r.last
	return c
}

// rings are the partition keys of both kinds.
type rings [2]ring

func (r *rings) zero() {
	for kind := range r {
		r[kind].zero()
	}
}

// of returns the keys for a kind of records; there may be none in it.
func (r *rings) of(private bool) *ring { return &r[kindOf(private)] }

// keyOf returns the key that a record is sealed under: nil for a private record when
// nobody has logged in.
func (r *rings) keyOf(rec *record) (*seal.Key, error) {
	ring := r.of(rec.private)
	if !ring.open() {
		return nil, nil
	}
	if k := ring.keys[rec.term]; k != nil {
		return k, nil
	}
	return nil, damaged("a record is of term %d, which there is not", rec.term)
}

// last are the terms that new records of each kind are of.
func (r *rings) last() [2]uint32 { return [2]uint32{r[kindPublic].last, r[kindPrivate].last} }

func (r *rings) clone() rings { return rings{r[kindPublic].clone(), r[kindPrivate].clone()} }

func termPurpose(kind byte, term uint32) string {
	return fmt.Sprintf("%s %d", [2]string{kindPublic: "public", kindPrivate: "private"}[kind], term)
}

// loadTerms opens the partition keys as the meta values that were loaded say, if these
// have changed: those of public objects, and those of private ones after a login. The
// caller holds p.mu for writing.
func (p *Partition) loadTerms() error {
	payload := p.metas[metaTerms].payload
	if string(p.termsOf) != string(payload) {
		p.rings.zero()
	}
	t, err := decodeTerms(payload)
	if err != nil {
		return err
	}
	p.termsOf = payload
	if err := p.renewPrivate(); err != nil {
		return err
	}
	for kind, list := range t.kinds() {
		if p.rings[kind].open() || kind == kindPrivate && p.private == nil {
			continue
		}
		for _, w := range *list {
			k, err := p.unwrapTerm(byte(kind), w)
			if err != nil {
				p.rings[kind].zero()
				return damaged("the key of %s: %w", termPurpose(byte(kind), w.Term), err)
			}
			p.rings[kind].put(w.Term, k)
		}
	}
	return nil
}

func (p *Partition) unwrapTerm(kind byte, w termWrap) (*seal.Key, error) {
	purpose := termPurpose(kind, w.Term)
	switch {
	case w.Wrap == nil && w.Term != firstTerm:
		return nil, seal.ErrSealBroken
	case w.Wrap == nil && kind == kindPublic:
		return p.root.UnwrapKey(p.metas[metaPublicKey].payload, wrapPublic)
	case w.Wrap == nil:
		return p.private.Clone(), nil
	case kind == kindPublic:
		return p.root.UnwrapKey(w.Wrap, purpose)
	}
	return p.private.UnwrapKey(p.id, w.Wrap, purpose)
}

// newTerm makes the key of a term and wraps it.
func (w *writer) newTerm(kind byte, term uint32) (termWrap, error) {
	k, err := seal.NewKey()
	if err != nil {
		return termWrap{}, err
	}
	defer k.Zero()
	t := termWrap{Term: term}
	if kind == kindPublic {
		t.Wrap, err = w.p.root.WrapKey(k, termPurpose(kind, term))
	} else {
		t.Wrap, err = w.private.WrapKey(w.p.id, k, termPurpose(kind, term))
	}
	return t, err
}

// readTerms reads metaTerms as it is in the store.
func (w *writer) readTerms() (terms, error) { return readMetaAs(w.p, w.tx, metaTerms, decodeTerms) }

func (w *writer) putTerms(t terms) error { return w.putLaterAs(metaTerms, t) }

// errTerms says that another process has changed the terms since this one last
// looked: update looks and tries again.
var errTerms = ck.Errorf(ck.CKR_DEVICE_ERROR, "the partition's keys are being rotated too often")

// sameTerms refuses to write with keys of terms that are no longer the last.
func (w *writer) sameTerms() error {
	payload, _, err := w.p.readMeta(w.tx, metaTerms)
	if err == nil && string(payload) != string(w.termsOf) {
		err = errTerms
	}
	return err
}
