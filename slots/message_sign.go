package slots

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// renewing is a message-based signature or verification: an ordinary one for
// each message. The first is made at once, so that Init says what is wrong.
type renewing[O api.Operation] struct {
	start func() (O, error)
	op    O
	made  bool
}

// signatures makes the start function of a spec out of that of the ordinary
// operation.
func signatures[O api.Operation](start func(api.Partition, api.Caller, *ck.Mechanism, api.ObjectID) (O, error)) func(api.Partition, api.Caller, *ck.Mechanism, api.ObjectID) (*renewing[O], error) {
	return func(p api.Partition, who api.Caller, m *ck.Mechanism, key api.ObjectID) (*renewing[O], error) {
		r := &renewing[O]{start: func() (O, error) { return start(p, who, m, key) }}
		_, err := r.current()
		return r, err
	}
}

// current is the operation of the message under way, or of the next.
func (r *renewing[O]) current() (op O, err error) {
	if r.made {
		return r.op, nil
	}
	if r.op, err = r.start(); err != nil {
		return op, keyError(err, ck.CKR_KEY_HANDLE_INVALID) // the key is gone
	}
	r.made = true
	return r.op, nil
}

func (r *renewing[O]) endMessage() {
	if r.made {
		r.op.Close()
	}
	r.made = false
}

// Close is part of api.Operation.
func (r *renewing[O]) Close() { r.endMessage() }

// waiting is the next message's wish for a login of its own.
func (r *renewing[O]) waiting() api.ContextLogin {
	op, err := r.current()
	if err != nil {
		return nil
	}
	login, _ := any(op).(api.ContextLogin)
	return login
}

var messageSigning = spec[*renewing[api.Signer]]{
	of:    func(s *session) *operation[*renewing[api.Signer]] { return &s.messageSign },
	start: signatures(api.Partition.Sign),
}

var messageVerification = spec[*renewing[api.Verifier]]{
	of:    func(s *session) *operation[*renewing[api.Verifier]] { return &s.messageVerify },
	start: signatures(api.Partition.Verify),
}

// onSignature is onMessage for signatures. None of their mechanisms has a
// parameter of the message.
func onSignature[O api.Operation](a *App, h ck.SessionHandle, k *spec[*renewing[O]], p *ck.MessageParams, st MessageStep, query bool, do func(O) (int, error)) (int, error) {
	return onMessage(a, h, k, st, query, func(r *renewing[O]) (int, error) {
		if p != nil {
			return 0, ck.CKR_MECHANISM_PARAM_INVALID
		}
		op, err := r.current()
		switch ck.Code(err) {
		case ck.CKR_OK:
			return do(op)
		case ck.CKR_KEY_HANDLE_INVALID, ck.CKR_KEY_FUNCTION_NOT_PERMITTED:
			return 0, errKeyLost
		}
		return 0, err
	})
}

// errKeyLost says that the key is gone since Init, or may no more be used so: the
// functions have no code for that, and without its key there is no operation.
var errKeyLost = ck.Errorf(ck.CKR_OPERATION_NOT_INITIALIZED, "the key of the operation is lost")

// MessageSignInit is C_MessageSignInit (section 5.14).
func (a *App) MessageSignInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &messageSigning, m, k)
}

// SignMessage is C_SignMessage (section 5.14).
func (a *App) SignMessage(h ck.SessionHandle, p *ck.MessageParams, src, dst []byte) (int, error) {
	return onSignature(a, h, &messageSigning, p, MessageWhole, dst == nil, func(op api.Signer) (int, error) {
		return op.OneShot(dst, src)
	})
}

// SignMessageBegin is C_SignMessageBegin (section 5.14).
func (a *App) SignMessageBegin(h ck.SessionHandle, p *ck.MessageParams) error {
	_, err := onSignature(a, h, &messageSigning, p, MessageBegin, false, func(api.Signer) (int, error) { return 0, nil })
	return err
}

// SignMessageNext is C_SignMessageNext (section 5.14) where more is to follow.
func (a *App) SignMessageNext(h ck.SessionHandle, p *ck.MessageParams, src []byte) error {
	_, err := onSignature(a, h, &messageSigning, p, MessageNext, false, func(op api.Signer) (int, error) { return 0, op.Update(src) })
	return err
}

// SignMessageEnd is C_SignMessageNext (section 5.14) with a place for the length of
// the signature. A call that cannot give the signature out takes in nothing.
func (a *App) SignMessageEnd(h ck.SessionHandle, p *ck.MessageParams, src, dst []byte) (int, error) {
	return onSignature(a, h, &messageSigning, p, MessageEnd, dst == nil, func(op api.Signer) (int, error) {
		n, err := op.Final(nil)
		switch {
		case err != nil || dst == nil:
			return n, err
		case len(dst) < n:
			return n, ck.CKR_BUFFER_TOO_SMALL
		}
		if err := op.Update(src); err != nil {
			return 0, err
		}
		return op.Final(dst)
	})
}

// MessageSignFinal is C_MessageSignFinal (section 5.14).
func (a *App) MessageSignFinal(h ck.SessionHandle) error { return finalMessage(a, h, &messageSigning) }

// MessageVerifyInit is C_MessageVerifyInit (section 5.16).
func (a *App) MessageVerifyInit(h ck.SessionHandle, m *ck.Mechanism, k ck.ObjectHandle) error {
	return begin(a, h, &messageVerification, m, k)
}

// VerifyMessage is C_VerifyMessage (section 5.16).
func (a *App) VerifyMessage(h ck.SessionHandle, p *ck.MessageParams, src, signature []byte) error {
	_, err := onSignature(a, h, &messageVerification, p, MessageWhole, false, func(op api.Verifier) (int, error) {
		return 0, op.OneShot(src, signature)
	})
	return err
}

// VerifyMessageBegin is C_VerifyMessageBegin (section 5.16).
func (a *App) VerifyMessageBegin(h ck.SessionHandle, p *ck.MessageParams) error {
	_, err := onSignature(a, h, &messageVerification, p, MessageBegin, false, func(api.Verifier) (int, error) { return 0, nil })
	return err
}

// VerifyMessageNext is C_VerifyMessageNext (section 5.16) where more is to follow.
func (a *App) VerifyMessageNext(h ck.SessionHandle, p *ck.MessageParams, src []byte) error {
	_, err := onSignature(a, h, &messageVerification, p, MessageNext, false, func(op api.Verifier) (int, error) {
		return 0, op.Update(src)
	})
	return err
}

// VerifyMessageEnd is C_VerifyMessageNext (section 5.16) with the signature.
func (a *App) VerifyMessageEnd(h ck.SessionHandle, p *ck.MessageParams, src, signature []byte) error {
	_, err := onSignature(a, h, &messageVerification, p, MessageEnd, false, func(op api.Verifier) (int, error) {
		if err := op.Update(src); err != nil {
			return 0, err
		}
		return 0, op.Final(signature)
	})
	return err
}

// MessageVerifyFinal is C_MessageVerifyFinal (section 5.16).
func (a *App) MessageVerifyFinal(h ck.SessionHandle) error {
	return finalMessage(a, h, &messageVerification)
}
