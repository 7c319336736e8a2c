package partition

import (
	"errors"
	"time"

	"github.com/coffer-hsm/coffer/hsm/audit"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/seal"
	"github.com/coffer-hsm/coffer/hsm/secret"
)

// openPIN is what a PIN has opened: its secret, and the wrap that this was in, which
// tells the PIN from a later one.
type openPIN struct {
	secret *seal.Key
	wrap   []byte
}

// newPIN makes a secret and puts it under a PIN, which takes its time.
func (p *Partition) newPIN(of account, pin []byte) (*openPIN, error) {
	key, err := seal.NewKey()
	if err != nil {
		return nil, err
	}
	wrap, err := p.root.WrapPIN(of.role.ofSecret(), pin, p.options.KDF.InMode(), key)
	if err != nil {
		key.Zero()
		return nil, err
	}
	return &openPIN{key, wrap}, nil
}

// zero wipes the secret; o may be nil.
func (o *openPIN) zero() {
	if o != nil {
		o.secret.Zero()
	}
}

func (o *openPIN) clone() *openPIN { return &openPIN{o.secret.Clone(), o.wrap} }

// ofSecret is the role that is bound into the wrap of a PIN's secret; the role itself is
// bound into those of version 1, which hold the key of private objects.
func (r role) ofSecret() byte { return byte(r) + 2 }

// unwrapPIN opens what is in a PIN's record: the PIN's secret or, of version 1, the key
// of private objects. For somebody who does not exist it takes as long.
func (p *Partition) unwrapPIN(of account, pin []byte, a auth) (*seal.Key, error) {
	role, wrap := of.role.ofSecret(), a.Wrap
	switch {
	case !a.initialised():
		decoy, err := seal.DecoyPIN(p.neighbour(of))
		if err != nil {
			return nil, err
		}
		wrap = decoy
	case a.Box == nil:
		role = byte(of.role)
	}
	return p.root.UnwrapPIN(role, pin, wrap)
}

// tryPIN checks a PIN and calls use with what it opened, which is use's to wipe. The try
// is counted, durably, before the PIN is looked at.
//
// The PIN was right for this wrap: by the time that use gets to it, others may have
// changed the PIN or initialised the token anew. A use that does more than to believe
// the user looks whether the wrap is still there, and answers errPINChanged if not.
func (p *Partition) tryPIN(act audit.Act, of account, pin []byte, use func(*openPIN) error) error {
	if err := p.sync(); err != nil {
		return err
	}
	return p.countedTry(act, of, pin, use)
}

// errPINChanged says that a PIN's record was written anew since it was read: what the
// PIN was found to be is void, and it may be right or wrong now.
var errPINChanged = ck.Errorf(ck.CKR_FUNCTION_FAILED, "the PIN was changed again and again meanwhile")

// countedTry is tryPIN of a partition that has been looked at. A PIN that is changed
// meanwhile is tried again, against what is there now, for as long as a login waits for
// others: each round that is lost is somebody else's PIN set.
func (p *Partition) countedTry(act audit.Act, of account, pin []byte, use func(*openPIN) error) error {
	for give := time.Now().Add(tryPatience); ; {
		opened, err := p.tryOnce(act, of, pin)
		if err == nil {
			err = use(opened)
		}
		if !errors.Is(err, errPINChanged) || time.Now().After(give) {
			return err
		}
	}
}

func (p *Partition) tryOnce(act audit.Act, of account, pin []byte) (*openPIN, error) {
	a, id, err := p.beginTry(of)
	if err != nil {
		return nil, err
	}
	t := try{act: act, of: of, id: id, was: a}
	secret.Do(func() { err = p.look(&t, pin) })
	defer t.private.zero()
	noted := p.endTry(&t)
	switch {
	case errors.Is(noted, errPINChanged):
		t.opened.zero()
		return nil, noted
	case errors.Is(err, seal.ErrWrongPIN):
		return nil, ck.CKR_PIN_INCORRECT
	case err != nil:
		return nil, damaged("value %q: %w", of.meta, err)
	case noted != nil:
		t.opened.zero()
		return nil, noted
	}
	return t.opened, nil
}

// try is one try of a PIN, which is written down as was.
type try struct {
	act     audit.Act
	of      account
	id      string
	was     auth
	opened  *openPIN // nil: the PIN was wrong
	private *openPIN // of a record of version 1: what was in it, the key of private objects
}

// look opens a PIN's record. Where that is of version 1 it makes the secret of the one
// that is to take its place.
func (p *Partition) look(t *try, pin []byte) error {
	key, err := p.unwrapPIN(t.of, pin, t.was)
	if err != nil {
		return err
	}
	if t.was.Box != nil {
		t.opened = &openPIN{key, t.was.Wrap}
		return nil
	}
	t.private = &openPIN{key, t.was.Wrap}
	t.opened, err = p.newPIN(t.of, pin)
	return err
}
