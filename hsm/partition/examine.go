package partition

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Finding is something that Examine has found wrong.
type Finding struct {
	Object api.ObjectID // the record that it is about, if Value is empty
	Value  string       // the named value that it is about
	Err    error
	// Removable: the partition opens without it, and Quarantine takes it out; or, of the
	// value "state", Quarantine writes it anew.
	Removable bool
}

// Examination is what Examine has seen of a partition.
type Examination struct {
	Label, Serial string // empty if they are not authentic
	Generation    uint64 // of the last change
	Records       int
	Unopened      int  // private records among them whose seals could not be tried
	Rotating      bool // a rotation of the keys was cut off, or is under way
	Findings      []Finding

	digest seal.SetDigest // of what is there
}

// Examine checks all of a partition, as far as it can be read: every named value is
// authentic, every record opens, attributes and material, and the digest is that of
// all. It changes nothing. private is the key of private objects (UnlockPrivate); with
// nil their seals are not tried, but the digest covers them. generation is that of the
// last commit.
func Examine(tx store.Tx, generation uint64, root *seal.Root, o Options, private *seal.Key) *Examination {
	x := &Examination{Generation: generation, Records: tx.Len()}
	p, err := bare(tx, root, o)
	if err != nil {
		x.find(Finding{Value: metaPartition, Err: err})
		return x
	}
	defer p.root.Zero()
	if private != nil {
		p.private = private.Clone()
		defer p.private.Zero()
	}
	defer p.rings.zero()
	if !x.metas(tx, p) {
		return x
	}
	x.records(tx, p)
	x.state(tx, generation, p)
	return x
}

func (x *Examination) find(f Finding) { x.Findings = append(x.Findings, f) }

// bare is a partition as far as it is known before its values have been read.
func bare(tx store.Tx, root *seal.Root, o Options) (*Partition, error) {
	p := &Partition{options: o.Default(), metas: map[string]seenMeta{}}
	var err error
	p.id, p.root, p.rootName, err = openRoot(tx, root)
	return p, err
}

// metas checks the named values, and loads them. It is false if the header is not
// authentic: then the root key is not the partition's, and nothing else will be.
func (x *Examination) metas(tx store.Tx, p *Partition) bool {
	value, _ := tx.Meta(metaPartition)
	if _, err := p.openMeta(metaPartition, value); err != nil {
		x.find(Finding{Value: metaPartition, Err: err})
		return false
	}
	for name, value := range tx.Metas() {
		if name == metaState {
			continue
		}
		tag := p.metaTag(name, value)
		x.digest.Add(tag)
		value = bytes.Clone(value)
		payload, err := p.openMeta(name, value)
		if err == nil {
			p.metas[name] = seenMeta{payload, value, tag}
			err = understood(name, payload)
		}
		if err != nil {
			x.find(Finding{Value: name, Err: err, Removable: dispensable(name) && p.metas[name].value == nil})
		}
	}
	x.openers(p)
	p.header, _ = decodeHeader(p.metas[metaPartition].payload)
	x.Label, x.Serial = p.header.Label, p.header.Serial
	if err := p.loadTerms(); err != nil {
		x.find(Finding{Value: metaTerms, Err: err})
	}
	t, err := decodeTerms(p.metas[metaTerms].payload)
	x.Rotating = err == nil && t.rotating()
	x.boxes(p)
	return true
}

// boxes checks to whom the next key of private objects would be enclosed, where there is
// the present one.
func (x *Examination) boxes(p *Partition) {
	if p.private == nil {
		return
	}
	for name := range p.metas {
		if !isPIN(name) {
			continue
		}
		if a := p.authSeen(name); a.Box != nil && !p.isBound(p.private, name, a.Box) {
			x.find(Finding{Value: name, Err: errUnbound, Removable: true})
		}
	}
}

// openers has no PIN's record taken out where none is left to open the partition with.
func (x *Examination) openers(p *Partition) {
	for name := range p.metas {
		if isPIN(name) {
			return
		}
	}
	for i := range x.Findings {
		if isPIN(x.Findings[i].Value) {
			x.Findings[i].Removable = false
		}
	}
}

// understood fails if this version cannot read an authentic value.
func understood(name string, payload []byte) (err error) {
	switch {
	case name == metaPartition:
		var h header
		if h, err = decodeHeader(payload); err == nil {
			_, err = policyOf(h)
		}
	case name == metaRoots:
		_, err = decodeRoots(payload)
	case name == metaTerms:
		_, err = decodeTerms(payload)
	case name == metaPINPolicy:
		_, err = decodePINPolicy(payload)
	case name == metaStrangers:
		err = json.Unmarshal(payload, new([]stranger))
	case name == metaPINKeys:
		_, err = decodePINKeys(payload)
	case isPIN(name):
		err = json.Unmarshal(payload, new(auth))
	}
	return err
}

// dispensable reports whether the keys can be used without a value: somebody may have
// lost a PIN with it, or its tries, but another PIN still opens.
func dispensable(name string) bool {
	return isPIN(name) || name == metaStrangers || name == metaPINPolicy
}

func (x *Examination) records(tx store.Tx, p *Partition) {
	done, total := 0, tx.Len()
	for id, b := range tx.All() {
		x.digest.Add(p.root.RecordTag(id, b))
		if err := x.record(p, api.ObjectID(id), b); err != nil {
			x.find(Finding{Object: api.ObjectID(id), Err: err, Removable: ck.Code(err) == ck.CKR_DEVICE_ERROR})
		}
		done++
		p.told(done, total)
	}
}

// record opens a record, attributes and material.
func (x *Examination) record(p *Partition, id api.ObjectID, b []byte) error {
	r, err := decodeRecord(b)
	if err != nil {
		return err
	}
	if !p.rings.of(r.private).open() {
		x.Unopened++
		return nil
	}
	k, err := p.rings.keyOf(&r)
	if err != nil {
		return err
	}
	if _, err := p.openObject(k, id, r); err != nil {
		return err
	}
	m, err := p.openMaterial(k, id, r)
	if m != nil {
		m.Zero()
	}
	return err
}

// state holds what was found against what the last writer left.
func (x *Examination) state(tx store.Tx, generation uint64, p *Partition) {
	s, err := p.readState(tx, generation)
	if err != nil {
		x.find(Finding{Value: metaState, Err: err})
		return
	}
	if subtle.ConstantTimeCompare(x.digest[:], s.digest[:]) != 1 || s.records != uint64(tx.Len()) {
		x.find(Finding{Value: metaState, Err: errOtherSet, Removable: true})
	}
}

// OtherSet reports whether a finding is that something was removed, put back or
// exchanged, without that it could be said what: all that is there may be authentic.
func (f Finding) OtherSet() bool { return f.Err == errOtherSet }

// Guards reports whether a finding is about what holds the PINs: without it, wrong tries
// would be forgotten or cost less.
func (f Finding) Guards() bool { return dispensable(f.Value) }

// UnlockPrivate opens the key of private objects with a PIN, for Examine and
// Quarantine, also of a partition that Open refuses. The try is counted as any other. The
// caller wipes the key.
func UnlockPrivate(st store.Store, root *seal.Root, o Options, user ck.UserType, name string, pin []byte) (*seal.Key, error) {
	var p *Partition
	err := st.View(func(tx store.Tx) (err error) {
		if p, err = bare(tx, root, o); err != nil {
			return err
		}
		x := &Examination{}
		if !x.metas(tx, p) {
			return x.Findings[0].Err
		}
		return nil
	})
	if err != nil {
		return nil, storeError(err)
	}
	defer p.root.Zero()
	defer p.rings.zero()
	p.store = st
	of, err := p.accountOf(user, name)
	if err != nil {
		return nil, err
	}
	opened, err := p.countedTry(audit.Prove, of, pin)
	if err != nil {
		return nil, err
	}
	defer opened.zero()
	return p.privateOf(of, opened)
}

// privateOf reads the key of private objects that a PIN has opened the box of.
func (p *Partition) privateOf(of account, opened *openPIN) (key *seal.Key, err error) {
	err = p.store.View(func(tx store.Tx) error {
		w := &writer{tx: tx, p: p}
		key, err = w.openBox(of, opened)
		return err
	})
	return key, storeError(err)
}

// Quarantine takes all that Examine finds removable out of the partition in st, and
// writes the digest of what is left, in one transaction: aside is given each thing that
// goes, in full, before; its error ends all, and nothing has changed. It refuses a
// partition in which something is wrong that is not removable. What it returns is what
// Examine found.
func Quarantine(st store.Store, root *seal.Root, o Options, private *seal.Key, aside func(Finding, []byte) error) (*Examination, error) {
	var x *Examination
	w := &writer{}
	err := st.Update(func(tx store.Tx) error {
		x = Examine(tx, tx.Generation()-1, root, o, private)
		for _, f := range x.Findings {
			if !f.Removable {
				return fmt.Errorf("%s: %w", f.Name(), f.Err)
			}
		}
		if len(x.Findings) == 0 {
			return nil
		}
		if err := x.vouched(); err != nil {
			return err
		}
		p, err := bare(tx, root, o)
		if err != nil {
			return err
		}
		defer p.root.Zero()
		for _, f := range x.Findings {
			if err := p.takeOut(tx, f, x, aside); err != nil {
				return err
			}
		}
		if err := p.openAudit(o.Audit); err != nil {
			return err
		}
		w.tx, w.p, w.state = tx, p, state{uint64(tx.Len()), x.digest}
		return w.finishRepair(audit.Event{Act: audit.Repair, Detail: fmt.Sprintf("taken out: %d", len(x.Findings))})
	})
	w.pending.Done(err)
	return x, storeError(err)
}

// finishRepair is finish with a record of the repair, unless the log cannot have one:
// that it does not fit is for the SO to accept, and mended is what can be.
func (w *writer) finishRepair(e audit.Event) error {
	w.note(e)
	err := w.finish()
	if audit.Acceptable(err) {
		w.events = nil
		err = w.finish()
	}
	return err
}

// Note records an event in the log of the partition in st, as an act of its own. Nobody
// has the partition open.
func Note(st store.Store, root *seal.Root, o Options, e audit.Event) error {
	w := &writer{}
	err := st.Update(func(tx store.Tx) error {
		p, err := bare(tx, root, o)
		if err != nil {
			return err
		}
		defer p.root.Zero()
		if err := p.openAudit(o.Audit); err != nil {
			return err
		}
		w.tx, w.p = tx, p
		if w.state, err = p.readState(tx, tx.Generation()-1); err != nil {
			return err
		}
		w.note(e)
		return w.finish()
	})
	w.pending.Done(err)
	return storeError(err)
}

// vouched refuses to write the digest over private records that nobody has opened. Where
// a value is damaged it may be that of the PIN: then they are looked at in a second
// repair, when a PIN opens them again.
func (x *Examination) vouched() error {
	damagedValue := slices.ContainsFunc(x.Findings, func(f Finding) bool { return f.Value != "" && f.Value != metaState })
	if x.Unopened == 0 || damagedValue {
		return nil
	}
	return fmt.Errorf("%d private objects have to be opened first: give a PIN (--login)", x.Unopened)
}

// takeOut gives what a finding is about to aside and removes it. Of the state there is
// nothing to keep but that it was another one.
func (p *Partition) takeOut(tx store.Tx, f Finding, x *Examination, aside func(Finding, []byte) error) error {
	value, found := tx.Meta(f.Value)
	if f.Value == "" {
		value, found = tx.Get(store.ID(f.Object))
	}
	if !found {
		return errors.New("it is gone")
	}
	if err := aside(f, value); err != nil {
		return err
	}
	switch f.Value {
	case metaState:
		return nil
	case "":
		x.digest.Remove(p.root.RecordTag(f.Object, value))
		return tx.Delete(store.ID(f.Object))
	}
	x.digest.Remove(p.metaTag(f.Value, value))
	return tx.DeleteMeta(f.Value)
}

// ExamineAudit reads all of the partition's log in dir, if there is one, and tells what
// is wrong with it, or that it and the store do not fit; torn is how many bytes at its end were never acknowledged. It changes
// nothing.
func ExamineAudit(tx store.Tx, root *seal.Root, dir string) (torn int64, err error) {
	p, err := bare(tx, root, Options{})
	if err != nil {
		return 0, err
	}
	defer p.root.Zero()
	l, err := p.log(dir)
	if err != nil {
		return 0, err
	}
	a, err := p.readAnchor(tx)
	if err != nil {
		return 0, err
	}
	r, err := audit.VerifyWith(dir, l.Verifier(), a)
	if err != nil {
		return 0, err
	}
	return r.Torn, nil
}

// Name is what a finding is about, for people.
func (f Finding) Name() string {
	switch {
	case f.Value == "":
		return fmt.Sprintf("object %x", f.Object)
	case strings.HasPrefix(f.Value, metaUser+":"):
		return "the PIN of a user with a name"
	}
	return fmt.Sprintf("value %q", f.Value)
}
