package partition

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Recorder is a partition's audit log: *audit.Log, or nothing.
type Recorder interface {
	// Settle holds the log against what the store remembers of it.
	Settle() error
	// Ready makes sure that what comes next can be recorded.
	Ready(a audit.Anchor) error
	// Prepare makes the records of a transaction part of it.
	Prepare(a audit.Anchor, generation uint64, events []audit.Event) (*audit.Pending, error)
	// Note records, durably, what changes nothing in the store.
	Note(e audit.Event) error
	// Use counts the use of a key.
	Use(audit.Use)
	// Close records what is left.
	Close() error
}

// noRecorder is the twin for stores that have no log.
type noRecorder struct{}

func (noRecorder) Settle() error            { return nil }
func (noRecorder) Ready(audit.Anchor) error { return nil }
func (noRecorder) Prepare(audit.Anchor, uint64, []audit.Event) (*audit.Pending, error) {
	return nil, nil
}
func (noRecorder) Note(audit.Event) error { return nil }
func (noRecorder) Use(audit.Use)          {}
func (noRecorder) Close() error           { return nil }

// auditName is the name of the partition's log: the serial number of the token.
func auditName(id [16]byte) string { return "coffer-audit-" + SerialOf(id) }

// openAudit opens the log in a directory, none if dir is empty.
func (p *Partition) openAudit(dir string) error {
	p.recorder = noRecorder{}
	if dir == "" {
		return nil
	}
	l, err := p.storeLog(dir)
	if err != nil {
		return err
	}
	p.recorder = l
	return nil
}

// log is the partition's log in a directory, by itself.
func (p *Partition) log(dir string) (*audit.Log, error) {
	return audit.Open(dir, auditName(p.id), p.root.AuditKey())
}

// storeLog is the log, held against what the store remembers of it.
func (p *Partition) storeLog(dir string) (*audit.Log, error) {
	l, err := p.log(dir)
	if err != nil {
		return nil, auditError(err)
	}
	l.WithStore(p.anchorSeen)
	return l, nil
}

// anchorSeen reads what the store remembers of the log.
func (p *Partition) anchorSeen() (a audit.Anchor, err error) {
	err = p.store.View(func(tx store.Tx) error {
		a, err = p.readAnchor(tx)
		return err
	})
	return a, err
}

func (p *Partition) readAnchor(tx store.Tx) (audit.Anchor, error) {
	payload, _, err := p.readMeta(tx, metaAudit)
	if err != nil {
		return audit.Anchor{}, err
	}
	a, err := audit.DecodeAnchor(payload)
	if err != nil {
		return a, damaged("value %q: %w", metaAudit, err)
	}
	return a, nil
}

// auditError gives an error of the log the code that PKCS #11 has for it.
func auditError(err error) error {
	var rv ck.RV
	if err == nil || errors.As(err, &rv) {
		return err
	}
	if errors.Is(err, audit.ErrDamaged) {
		err = fmt.Errorf("%w: keep a copy of it; to go on with a new one: coffer audit accept", err)
	}
	return ck.Errorf(DiskCode(err), "audit log: %w", err)
}

// note has the transaction record an event, if it is committed.
func (w *writer) note(e audit.Event) { w.events = append(w.events, e) }

// record makes the records of the transaction part of it. After that nothing but the
// state may change.
func (w *writer) record() error {
	if len(w.events) == 0 || w.p.recorder == nil { // nil where a partition is only examined
		return nil
	}
	a, err := w.p.readAnchor(w.tx)
	if err != nil {
		return err
	}
	if w.uses != nil {
		a.Uses = *w.uses
	}
	if w.pending, err = w.p.recorder.Prepare(a, w.tx.Generation(), w.events); err != nil {
		return auditError(err)
	}
	if w.pending == nil {
		return nil
	}
	return w.putMeta(metaAudit, w.pending.Anchor().Encode())
}

// ready refuses to begin what could not be recorded at its end: a try that is written
// down counts as a wrong one until its end is.
func (w *writer) ready() error {
	if err := w.tx.Reserve(); err != nil || w.p.recorder == nil {
		return err
	}
	a, err := w.p.readAnchor(w.tx)
	if err != nil {
		return err
	}
	return auditError(w.p.recorder.Ready(a))
}

// What the log calls those who are nobody.
const (
	logPublic  = "public"
	logUnknown = "unknown"
)

// whoIs names a caller in the log. The caller holds p.mu.
func (p *Partition) whoIs(who api.Caller) string {
	if who.Identity == 0 || p.roleOf(who) == rolePublic {
		return logPublic
	}
	return p.identities[who.Identity].inLog()
}

// inLog names an account that is there.
func (of account) inLog() string {
	switch {
	case of.name != "":
		return of.name
	case of.role == roleSO:
		return "so"
	}
	return "user"
}

// triedBy names the account that a PIN was tried for. A name that nobody has is not
// written down: it may be a PIN in the wrong place.
func (of account) triedBy(a auth) string {
	if of.name != "" && !a.initialised() {
		return logUnknown
	}
	return of.inLog()
}

// noteUser records what the SO did to a user.
func (w *writer) noteUser(act audit.Act, name string) {
	detail := "the user without a name"
	if name != "" {
		detail = "user " + strconv.Quote(name)
	}
	w.note(audit.Event{Act: act, Who: "so", Detail: detail})
}

// noteTry records how a try of a PIN went, and that it was the last.
func (w *writer) noteTry(act audit.Act, of account, a auth, right bool, locked bool) {
	e := audit.Event{Act: act, Who: of.triedBy(a)}
	if !right {
		e.Result = ck.CKR_PIN_INCORRECT
	}
	w.note(e)
	if locked {
		w.note(audit.Event{Act: audit.PINLock, Who: e.Who})
	}
}

// made are the acts that make objects.
var made = map[object.Origin]audit.Act{
	object.Created: audit.Create, object.Generated: audit.Generate, object.Unwrapped: audit.Unwrap,
	object.Derived: audit.Derive, object.Agreed: audit.Agree, object.Copied: audit.Copy,
}

// eventOf says what happened to an object. The caller holds p.mu.
func (p *Partition) eventOf(who api.Caller, act audit.Act, o *object.Object) audit.Event {
	e := audit.Event{Act: act, Who: p.whoIs(who), Object: o.ID(), Class: o.Class()}
	if isKey(e.Class) {
		e.IsKey, e.KeyType = true, o.KeyType()
	}
	return e
}

// eventAbout is eventOf by the object's name, for who does not hold p.mu.
func (p *Partition) eventAbout(who api.Caller, act audit.Act, id api.ObjectID) (audit.Event, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, err := p.lookup(who, id)
	if err != nil {
		return audit.Event{}, err
	}
	return p.eventOf(who, act, e.object), nil
}

// usesOf are the acts that the permissions of keys are for.
var usesOf = map[ck.AttributeType]audit.Act{
	ck.CKA_ENCRYPT: audit.Encrypt, ck.CKA_DECRYPT: audit.Decrypt,
	ck.CKA_SIGN: audit.Sign, ck.CKA_VERIFY: audit.Verification,
	ck.CKA_SIGN_RECOVER: audit.SignRecover, ck.CKA_VERIFY_RECOVER: audit.VerifyRecover,
	ck.CKA_WRAP: audit.UseWrap, ck.CKA_UNWRAP: audit.UseUnwrap, ck.CKA_DERIVE: audit.UseDerive,
	ck.CKA_ENCAPSULATE: audit.Encapsulate, ck.CKA_DECAPSULATE: audit.Decapsulate,
}

// noteUse counts the use of a key, begun or refused, where uses are recorded. The caller
// holds p.mu.
func (p *Partition) noteUse(who api.Caller, u use, m ck.MechanismType, id api.ObjectID, err error) {
	e := audit.Use{Act: usesOf[u.permission], Who: p.whoIs(who), Object: id, Mechanism: m, Result: ck.Code(err)}
	if entry := p.held(id); entry != nil && entry.object != nil {
		e.Class, e.KeyType = entry.object.Class(), entry.object.KeyType()
	}
	p.recorder.Use(e)
}

// usesOn is the detail of audit.ConfigSet where uses are recorded from then on.
const usesOn = "uses are recorded"

// AuditUses reports whether uses of keys are recorded.
func (p *Partition) AuditUses() bool { return p.sync() == nil && p.uses.Load() }

// SetAuditUses lets the SO say whether uses of keys are recorded.
func (p *Partition) SetAuditUses(who api.Caller, on bool) error {
	if err := p.sync(); err != nil {
		return err
	}
	name, so := p.soCalled(who)
	if !so {
		return ck.CKR_USER_NOT_LOGGED_IN
	}
	detail := map[bool]string{true: usesOn, false: "uses are not recorded"}[on]
	err := p.update(func(w *writer) error {
		w.uses = &on
		w.note(audit.Event{Act: audit.ConfigSet, Who: name, Detail: detail})
		return nil
	})
	if err != nil {
		return err
	}
	return p.sync()
}

// soCalled names a caller in the log, and says whether it is the SO.
func (p *Partition) soCalled(who api.Caller) (name string, so bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.whoIs(who), p.roleOf(who) == roleSO
}

// Note records, durably, something that changes nothing in the store.
func (p *Partition) Note(e audit.Event) error { return auditError(p.recorder.Note(e)) }

// Waiting is why the last records of the log wait in the store (audit.ErrUnwritten), so
// that nothing can be changed; nil if they do not, or there is room for them by now.
func (p *Partition) Waiting() error {
	if p.sync() != nil {
		return nil
	}
	if err := p.recorder.Settle(); errors.Is(err, audit.ErrUnwritten) {
		return auditError(err)
	}
	return nil
}

// Log is the partition's audit log; nil if it has none.
func (p *Partition) Log() *audit.Log {
	l, _ := p.recorder.(*audit.Log)
	return l
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
