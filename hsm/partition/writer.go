package partition

import (
	"encoding/json"
	"errors"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// writer is a transaction that keeps the partition's digest and its count true.
// It trusts nothing of this process's cache: another process may be ahead.
type writer struct {
	tx store.Tx
	p  *Partition
	state
	header, termsOf []byte // values of the partition, as this process last saw them
	private         *seal.Key
	rings

	events  []audit.Event  // to be recorded
	uses    *bool          // whether uses are to be, nil: as before
	pending *audit.Pending // their records, once they are part of the transaction
}

// update runs f in a transaction. The cache is not touched: sync comes after. The
// transaction holds copies of the keys and never p.mu, which load holds while it
// waits for the store. f is not called but with the keys that are the last ones.
func (p *Partition) update(f func(*writer) error) error {
	for range 10 { // rotations take longer than that
		if err := p.tryUpdate(f); !errors.Is(err, errTerms) {
			return err
		}
		if err := p.sync(); err != nil {
			return err
		}
	}
	return errTerms
}

// tryUpdate is update, for terms that have not changed: errTerms.
func (p *Partition) tryUpdate(f func(*writer) error) error {
	w := p.newWriter()
	defer w.zero()
	err := p.store.Update(func(tx store.Tx) error {
		var err error
		if w.state, err = p.readState(tx, tx.Generation()-1); err != nil {
			return err
		}
		w.tx = tx
		if err := w.sameEpoch(); err != nil {
			return err
		}
		if err := w.sameTerms(); err != nil {
			return err
		}
		if err := f(w); err != nil {
			return err
		}
		return w.finish()
	})
	w.pending.Done(err)
	return storeError(err)
}

// Still runs f while no process changes the partition, f least of all: writers wait. What
// cannot be written to, nobody changes. f may look at the partition, and move it away.
func (p *Partition) Still(f func() error) error {
	ran := false
	var failed error
	err := p.store.Update(func(store.Tx) error {
		ran, failed = true, f()
		return nil
	})
	switch {
	case ran:
		return failed
	case errors.Is(err, store.ErrBusy):
		return storeError(err)
	}
	return f()
}

func (p *Partition) newWriter() *writer {
	p.mu.RLock()
	defer p.mu.RUnlock()
	w := &writer{p: p, header: p.metas[metaPartition].payload, termsOf: p.termsOf, rings: p.rings.clone()}
	if p.private != nil {
		w.private = p.private.Clone()
	}
	return w
}

func (w *writer) zero() {
	w.rings.zero()
	if w.private != nil {
		w.private.Zero()
	}
}

// sameEpoch refuses to write with the keys of a token that another process has
// initialised anew since this one last looked.
func (w *writer) sameEpoch() error {
	payload, _, err := w.p.readMeta(w.tx, metaPartition)
	if err != nil {
		return err
	}
	if string(payload) != string(w.header) {
		return errInitialisedAnew
	}
	return nil
}

var errInitialisedAnew = ck.Errorf(ck.CKR_DEVICE_REMOVED, "the token was initialised anew by another process")

// stillUnder reads a PIN's record, and refuses if the PIN is no longer kept in this
// wrap: what was done with the key from it is void.
func (w *writer) stillUnder(of account, wrap []byte) (auth, error) {
	a, err := w.p.readAuth(w.tx, of)
	if err == nil && string(a.Wrap) != string(wrap) {
		err = errPINChanged
	}
	return a, err
}

// finish writes the state that the transaction has come to.
func (w *writer) finish() error {
	if err := w.record(); err != nil {
		return err
	}
	value, err := w.p.root.SealState(metaState, w.tx.Generation(), w.state.encode())
	if err != nil {
		return err
	}
	return w.tx.PutMeta(metaState, value)
}

// setMeta writes a value with its MAC and returns nothing of it to the digest.
func (w *writer) setMeta(name string, payload []byte) error {
	version := byte(metaVersion)
	if name == metaPartition {
		version = w.headerVersion()
	}
	mac := w.p.metaMAC(name, version, payload)
	value := append(append([]byte{version}, payload...), mac[:]...)
	return w.tx.PutMeta(name, value)
}

// headerVersion is that of metaPartition: what a program has to know to read all.
func (w *writer) headerVersion() byte {
	version := byte(metaVersion)
	for name, since := range laterMetas {
		if w.has(name) {
			version = max(version, since)
		}
	}
	return version
}

func (w *writer) has(name string) bool {
	_, ok := w.tx.Meta(name)
	return ok
}

// putLater writes one of laterMetas and, if it was not there, metaPartition, whose
// version depends on that.
func (w *writer) putLater(name string, payload []byte) error {
	had := w.has(name)
	if err := w.putMeta(name, payload); err != nil || had || w.header == nil {
		return err
	}
	return w.putMeta(metaPartition, w.header)
}

// putLaterAs is putLater of v in JSON.
func (w *writer) putLaterAs(name string, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.putLater(name, payload)
}

// putMeta writes a value that the digest covers.
func (w *writer) putMeta(name string, payload []byte) error {
	if old, ok := w.tx.Meta(name); ok {
		w.digest.Remove(w.p.metaTag(name, old))
	}
	if err := w.setMeta(name, payload); err != nil {
		return err
	}
	value, _ := w.tx.Meta(name)
	w.digest.Add(w.p.metaTag(name, value))
	return nil
}

// deleteMeta removes a value that the digest covers.
func (w *writer) deleteMeta(name string) error {
	if old, ok := w.tx.Meta(name); ok {
		w.digest.Remove(w.p.metaTag(name, old))
	}
	return w.tx.DeleteMeta(name)
}

// putAuth writes a PIN's record, or what was tried under a name that nobody has.
func (w *writer) putAuth(of account, a auth) error {
	if of.name != "" && !a.initialised() {
		return w.putStranger(of, a, false)
	}
	payload, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return w.putMeta(of.meta, payload)
}

func (w *writer) put(id store.ID, record []byte) error {
	if old, ok := w.tx.Get(id); ok {
		w.digest.Remove(w.p.root.RecordTag(id, old))
		w.records--
	}
	w.digest.Add(w.p.root.RecordTag(id, record))
	w.records++
	return w.tx.Put(id, record)
}

func (w *writer) delete(id store.ID) error {
	old, ok := w.tx.Get(id)
	if !ok {
		return ck.CKR_OBJECT_HANDLE_INVALID
	}
	w.digest.Remove(w.p.root.RecordTag(id, old))
	w.records--
	return w.tx.Delete(id)
}

// wipe removes every record, every user, and every PIN but the SO's.
func (w *writer) wipe() error {
	var ids []store.ID
	for id := range w.tx.All() {
		ids = append(ids, id)
	}
	for _, id := range ids {
		if err := w.delete(id); err != nil {
			return err
		}
	}
	pins := []string{metaUser, metaStrangers}
	for name := range w.tx.Metas() {
		if isNamed(name) {
			pins = append(pins, name)
		}
	}
	for _, name := range pins {
		if err := w.deleteMeta(name); err != nil {
			return err
		}
	}
	return nil
}

// fresh is what a new partition starts with, made before the transaction since
// deriving a key from a PIN takes its time.
type fresh struct {
	header, publicWrap []byte
	so, user           auth // of the user without a name; not initialised: none
}

// newFresh makes it. userPIN is nil for a user without a PIN.
func (p *Partition) newFresh(h header, soPIN, userPIN []byte) (fresh, error) {
	public, err := seal.NewKey()
	if err != nil {
		return fresh{}, err
	}
	defer public.Zero()
	private, err := seal.NewKey()
	if err != nil {
		return fresh{}, err
	}
	defer private.Zero()
	f := fresh{}
	if f.header, err = json.Marshal(h); err != nil {
		return fresh{}, err
	}
	if f.publicWrap, err = p.root.WrapKey(public, wrapPublic); err != nil {
		return fresh{}, err
	}
	if f.so, err = p.firstAuth(accountSO, soPIN, private); err != nil || userPIN == nil {
		return f, err
	}
	f.user, err = p.firstAuth(accountUser, userPIN, private)
	return f, err
}

// firstAuth is the record of a PIN in a partition that is new. key is what PINs open.
func (p *Partition) firstAuth(of account, pin []byte, key *seal.Key) (auth, error) {
	fresh, err := p.newPIN(of, pin)
	if err != nil {
		return auth{}, err
	}
	defer fresh.zero()
	b, err := p.newBox(of.meta, fresh.secret, key, firstTerm)
	return auth{Wrap: fresh.wrap, Box: b}, err
}

func (w *writer) initialise(f fresh) error {
	w.note(audit.Event{Act: audit.TokenInit, Who: "so"})
	if err := w.deleteMeta(metaTerms); err != nil {
		return err
	}
	if err := w.putPINKeys(pinKeys{Term: firstTerm}); err != nil {
		return err
	}
	if err := w.putMeta(metaPartition, f.header); err != nil {
		return err
	}
	if err := w.putMeta(metaPublicKey, f.publicWrap); err != nil {
		return err
	}
	if err := w.putAuth(accountSO, f.so); err != nil || !f.user.initialised() {
		return err
	}
	w.noteUser(audit.PINSet, "")
	return w.putAuth(accountUser, f.user)
}
