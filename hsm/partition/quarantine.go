package partition

import (
	"errors"
	"fmt"
	"slices"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/store"
)

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
	var key *seal.Key
	err = p.countedTry(audit.Prove, of, pin, func(opened *openPIN) (err error) {
		defer opened.zero()
		key, err = p.privateOf(of, opened)
		return err
	})
	return key, err
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
