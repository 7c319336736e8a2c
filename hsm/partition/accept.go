package partition

import (
	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

// accepting is a Recorder that records nothing but that a log is accepted.
type accepting struct {
	noRecorder
	log  *audit.Log
	done bool // whether the SO has been believed
}

func (r *accepting) Prepare(a audit.Anchor, generation uint64, events []audit.Event) (*audit.Pending, error) {
	if !r.done {
		return nil, nil
	}
	return r.log.PrepareAccept(a, generation, events)
}

// AcceptAudit ends it that Open refuses the partition because its audit log and its
// store do not fit (audit.Acceptable): with the SO's PIN, and why in the log. From then
// on they belong together. A log that fits is refused: CKR_FUNCTION_REJECTED.
func AcceptAudit(st store.Store, root *seal.Root, o Options, soPIN []byte) error {
	dir := o.Audit
	o.Audit = ""
	p, err := Open(st, root, o)
	if err != nil {
		return err
	}
	defer p.Close()
	l, err := p.storeLog(dir)
	if err != nil {
		return err
	}
	why := l.Settle()
	switch {
	case why == nil:
		return ck.Errorf(ck.CKR_FUNCTION_REJECTED, "the audit log is sound and fits its store: there is nothing to accept")
	case !audit.Acceptable(why):
		return auditError(why)
	}
	if err := mayTry(l, p.pinPolicySeen().Tries); err != nil {
		return err
	}
	r := &accepting{log: l}
	p.recorder = r
	if err := p.CheckSO(soPIN); err != nil {
		return err
	}
	r.done = true
	return p.update(func(w *writer) error {
		w.note(audit.Event{Act: audit.Accept, Who: "so", Detail: why.Error()})
		return nil
	})
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
