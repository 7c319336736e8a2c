package partition

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"fmt"
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
