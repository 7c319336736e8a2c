package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// The message-based functions (sections 5.9, 5.11, 5.14 and 5.16). An operation
// of theirs is active from C_MessageEncryptInit to C_MessageEncryptFinal, whatever
// becomes of the messages between; while a message in parts is under way, its
// field parts is true.

// MessageStep is a call on a message.
type MessageStep int

// The steps: C_EncryptMessage, C_EncryptMessageBegin, C_EncryptMessageNext, and
// that with CKF_END_OF_MESSAGE.
const (
	MessageWhole MessageStep = iota
	MessageBegin
	MessageNext
	MessageEnd
)

// messaging is an operation with messages.
type messaging interface {
	activity
	takes(st MessageStep) error
	endMessage()
}

// takes checks that a call on a message can come now: one whole message, or the
// start of the next, not within another, and a part only within one.
func (p *operation[O]) takes(st MessageStep) error {
	within := st == MessageNext || st == MessageEnd
	switch {
	case !p.active, within && !p.parts:
		return ck.CKR_OPERATION_NOT_INITIALIZED
	case !within && p.parts:
		return ck.CKR_OPERATION_ACTIVE
	}
	return nil
}

// endMessage forgets the message under way, and the login for it alone.
func (p *operation[O]) endMessage() {
	p.parts, p.admitted = false, false
	if op, ok := any(p.op).(interface{ endMessage() }); ok {
		op.endMessage()
	}
}

// messageOutlives reports whether a message goes on after a step with this result
// (for C_EncryptMessage: whether it has not taken place).
func messageOutlives(st MessageStep, query bool, err error) bool {
	if err == nil {
		return query || st == MessageBegin || st == MessageNext
	}
	return ck.Code(err) == ck.CKR_BUFFER_TOO_SMALL
}

// onMessage is run for calls on a message: what an error ends is the message.
// Only a panic ends the operation, and errKeyLost.
func onMessage[O api.Operation](a *App, h ck.SessionHandle, k *spec[O], st MessageStep, query bool, do func(O) (int, error)) (int, error) {
	s, err := a.enter(h)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	p := k.of(s)
	if err := p.takes(st); err != nil {
		return 0, err
	}
	goesOn := false
	defer func() {
		if !goesOn {
			p.end()
		}
	}()
	n, err := do(p.op)
	if messageOutlives(st, query, err) {
		p.parts = st != MessageWhole
	} else {
		p.endMessage()
	}
	goesOn = err != errKeyLost
	return told(n, err), err
}

// finalMessage is C_MessageEncryptFinal and its like: CKR_OPERATION_ACTIVE within
// a message, which goes on.
func finalMessage[O api.Operation](a *App, h ck.SessionHandle, k *spec[O]) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	p := k.of(s)
	if err := p.takes(MessageWhole); err != nil {
		return err
	}
	p.end()
	return nil
}

// RefuseMessage is Refuse for the calls on a message: of an operation of kind k
// that can take the step st, it ends the message under way.
func (a *App) RefuseMessage(h ck.SessionHandle, k Kind, st MessageStep, rv ck.RV) ck.RV {
	s, err := a.enter(h)
	if err != nil {
		return ck.Code(err)
	}
	defer s.leave()
	p, ok := s.activity(k).(messaging)
	if !ok {
		return rv
	}
	if err := p.takes(st); err != nil {
		return ck.Code(err)
	}
	p.endMessage()
	return rv
}
