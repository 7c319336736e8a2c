package partition

import (
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// Accepted is what an SO has accepted.
type Accepted struct {
	Why   error  // what was wrong
	Aside string // file that the log was moved to, as a new one has begun; empty: it goes on
}

// accepting is a Recorder that records nothing but that a log is accepted.
type accepting struct {
	noRecorder
	log *audit.Log
	Accepted
	done bool // whether the SO has been believed
}

func (r *accepting) Prepare(a audit.Anchor, generation uint64, events []audit.Event) (*audit.Pending, error) {
	if !r.done {
		return nil, nil
	}
	p, err := r.log.PrepareAccept(a, generation, events, r.Why)
	if err == nil {
		r.Aside = p.Aside()
	}
	return p, err
}

// AcceptAudit ends it that Open refuses the partition because its audit log and its
// store do not fit, or that the log is damaged where Open does not look (audit.Misfit): with
// the SO's PIN, and why in the log. From then on they belong together. A log that is sound
// and fits is refused: CKR_FUNCTION_REJECTED.
func AcceptAudit(st store.Store, root *seal.Root, o Options, soPIN []byte) (*Accepted, error) {
	dir := o.Audit
	o.Audit = ""
	p, err := Open(st, root, o)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	l, err := p.storeLog(dir)
	if err != nil {
		return nil, err
	}
	why := l.Misfit()
	switch {
	case why == nil:
		return nil, ck.Errorf(ck.CKR_FUNCTION_REJECTED, "the audit log is sound and fits its store: there is nothing to accept")
	case !audit.Acceptable(why):
		return nil, auditError(why)
	}
	if err := mayTry(l, p.pinPolicySeen().Tries); err != nil {
		return nil, err
	}
	r := &accepting{log: l, Accepted: Accepted{Why: why}}
	p.recorder = r
	if err := p.CheckSO(soPIN); err != nil {
		return nil, err
	}
	r.done = true
	err = p.update(func(w *writer) error {
		w.note(audit.Event{Act: audit.Accept, Who: "so", Detail: why.Error()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &r.Accepted, nil
}

// mayTry counts the tries of the SO PIN in the log, and adds one. The store's own
// count may be what an older file has brought back. A log that cannot be read any more
// counts nothing.
func mayTry(l *audit.Log, most int) error {
	tries := 0
	for r, err := range audit.Read(l.Dir(), 0) {
		switch {
		case err != nil:
			return nil
		case r.Act == audit.AcceptTry, r.Who == "so" && r.Result == ck.CKR_PIN_INCORRECT.Error():
			tries++
		case r.Act == audit.Accept, r.Act == audit.PINRecover, r.Act == audit.Login && r.Who == "so":
			tries = 0
		}
	}
	if tries >= most {
		return ck.Errorf(ck.CKR_PIN_LOCKED, "the audit log tells of %d wrong tries of the SO PIN", tries)
	}
	if err := l.Append(audit.Event{Act: audit.AcceptTry, Who: "so"}); err != nil && !audit.Acceptable(err) {
		return auditError(err)
	}
	return nil
}
