package partition

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// pinKeys is the payload of metaPINKeys: which key it is that PINs open, by its term.
// There is none as long as every PIN's record is of version 1.
type pinKeys struct {
	Term uint32 `json:"term"`
	// Since is the term of private objects that the key came with; 0 of the first key.
	Since uint32 `json:"since,omitempty"`
	// Before has the key of each term but the first under the next: the entry of a term
	// is the key of the term before under it. Those that nobody needs are left out.
	Before []termWrap `json:"before,omitempty"`
}

// box is what a PIN's record has since version 2: the PIN opens a secret of its own,
// which is never sealed under anything else, and the key of private objects is
// enclosed to it. So that key can be changed by who does not know the PIN.
type box struct {
	Public []byte `json:"public"` // of the PIN's secret, as a recipient
	Bound  []byte `json:"bound"`  // MAC of Public under the key that is enclosed
	Term   uint32 `json:"term"`   // of that key
	Key    []byte `json:"key"`    // enclosed to Public

	// Knows is the term of the last key that whoever has the PIN has seen, and Known that
	// key's MAC under the PIN's secret: a key that came later has to lead back to it.
	Knows uint32 `json:"knows"`
	Known []byte `json:"known"`

	Was []byte `json:"was,omitempty"` // of the wrap of version 1 in whose place this is: wasOf
}

// wasOf tells a wrap from others.
func wasOf(wrap []byte) []byte {
	sum := sha256.Sum256(wrap)
	return sum[:16]
}

// follows reports whether a record is another's, of the same PIN, moved on to version 2.
func (a *auth) follows(was *auth) bool {
	return was.Box == nil && a.Box != nil && was.initialised() && bytes.Equal(a.Box.Was, wasOf(was.Wrap))
}

func decodePINKeys(payload []byte) (k pinKeys, err error) {
	if payload == nil {
		return pinKeys{Term: firstTerm}, nil
	}
	if err := json.Unmarshal(payload, &k); err != nil || k.Term < firstTerm {
		return pinKeys{}, damaged("value %q does not say which key it is", metaPINKeys)
	}
	return k, nil
}

// pinKeysSeen is metaPINKeys as last loaded. The caller holds p.mu.
func (p *Partition) pinKeysSeen() (pinKeys, error) {
	return decodePINKeys(p.metas[metaPINKeys].payload)
}

func (p *Partition) readPINKeys(tx store.Tx) (pinKeys, error) {
	return readMetaAs(p, tx, metaPINKeys, decodePINKeys)
}

func (w *writer) putPINKeys(k pinKeys) error { return w.putLaterAs(metaPINKeys, k) }

// before opens the key of the term before that of key.
func (k *pinKeys) before(p *Partition, key *seal.Key, term uint32) (*seal.Key, error) {
	i := slices.IndexFunc(k.Before, func(w termWrap) bool { return w.Term == term })
	if i < 0 {
		return nil, seal.ErrSealBroken
	}
	return key.UnwrapKey(p.id, k.Before[i].Wrap, beforePurpose(term))
}

func beforePurpose(term uint32) string { return fmt.Sprintf("before %d", term) }

func boxPurpose(meta string, term uint32) string { return fmt.Sprintf("%s %d", meta, term) }

// binding authenticates the public half in a box to whoever has the key in it: nobody
// else may say to whom the next one is enclosed.
func (p *Partition) binding(key *seal.Key, meta string, b *box) []byte {
	tag := key.MAC(p.id, "PIN", []byte(meta), b.Public)
	return tag[:]
}

// isBound reports whether the public half in a box is from who had the key in it.
func (p *Partition) isBound(key *seal.Key, meta string, b *box) bool {
	return hmac.Equal(b.Bound, p.binding(key, meta, b))
}

// errUnbound is the answer to a box that is not.
var errUnbound = damaged("to whom a PIN's key is enclosed was not said by who had the key")

// knowing is what Known is of a key.
func (p *Partition) knowing(secret, key *seal.Key) []byte {
	print := key.MAC(p.id, "known")
	tag := secret.MAC(p.id, "known", print[:])
	return tag[:]
}

// newBox makes the box of a PIN's secret, for a key of a term.
func (p *Partition) newBox(meta string, secret, key *seal.Key, term uint32) (*box, error) {
	public, err := secret.Recipient(p.id)
	if err != nil {
		return nil, err
	}
	b := &box{Public: public, Knows: term, Known: p.knowing(secret, key)}
	return b, p.fill(meta, b, key, term)
}

// fill encloses a key in a box, which has been found to be authentic.
func (p *Partition) fill(meta string, b *box, key *seal.Key, term uint32) (err error) {
	b.Term, b.Bound = term, p.binding(key, meta, b)
	b.Key, err = key.Enclose(p.id, b.Public, boxPurpose(meta, term))
	return err
}

// openBox opens the key in a box with the PIN's secret. Who has the root key could have
// enclosed a key of their own: so it must be the one that is known, or lead back to that.
func (p *Partition) openBox(meta string, b *box, secret *seal.Key, keys pinKeys) (*seal.Key, error) {
	if b == nil || b.Term != keys.Term {
		return nil, damaged("value %q has not the key of term %d", meta, keys.Term)
	}
	key, err := secret.Disclose(p.id, b.Key, boxPurpose(meta, b.Term))
	if err != nil {
		return nil, damaged("value %q: %w", meta, err)
	}
	if err := p.leadsBack(b, secret, key, keys); err != nil {
		key.Zero()
		return nil, damaged("value %q: its key is not from who had the one before: %w", meta, err)
	}
	return key, nil
}

// leadsBack follows a key back to the one that is known.
func (p *Partition) leadsBack(b *box, secret, key *seal.Key, keys pinKeys) error {
	key = key.Clone()
	for term := keys.Term; term > b.Knows; term-- {
		before, err := keys.before(p, key, term)
		key.Zero()
		if err != nil {
			return err
		}
		key = before
	}
	defer key.Zero()
	if !hmac.Equal(p.knowing(secret, key), b.Known) {
		return seal.ErrSealBroken
	}
	return nil
}

// openBox opens the key in the box of somebody whose PIN has been given, unless the PIN
// was changed since.
func (w *writer) openBox(of account, opened *openPIN) (*seal.Key, error) {
	a, err := w.stillUnder(of, opened.wrap)
	if err != nil {
		return nil, err
	}
	keys, err := w.p.readPINKeys(w.tx)
	if err != nil {
		return nil, err
	}
	return w.p.openBox(of.meta, a.Box, opened.secret, keys)
}

// learn notes in a box that its owner has seen the present key.
func (w *writer) learn(meta string, b *box, secret *seal.Key) error {
	keys, err := w.p.readPINKeys(w.tx)
	if err != nil || b.Knows == keys.Term {
		return err
	}
	key, err := w.p.openBox(meta, b, secret, keys)
	if err != nil {
		return err
	}
	defer key.Zero()
	b.Knows, b.Known = keys.Term, w.p.knowing(secret, key)
	return nil
}

// box is newBox for the key that PINs open as of the transaction.
func (w *writer) box(meta string, secret, key *seal.Key) (*box, error) {
	keys, err := w.p.readPINKeys(w.tx)
	if err != nil {
		return nil, err
	}
	if !w.has(metaPINKeys) {
		if err := w.putPINKeys(keys); err != nil {
			return nil, err
		}
	}
	return w.p.newBox(meta, secret, key, keys.Term)
}
