package slots_test

import (
	"encoding/hex"
	"fmt"
	"maps"

	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// The commands on messages. The parameter of a message has a name, so that one
// can see what a call wrote into it.
func init() {
	maps.Copy(mechanismNames, map[string]ck.MechanismType{"AES_GCM": ck.CKM_AES_GCM})
	maps.Copy(cancelFlags, map[string]ck.Flags{
		"message-encrypt": ck.CKF_MESSAGE_ENCRYPT, "message-decrypt": ck.CKF_MESSAGE_DECRYPT,
		"message-sign": ck.CKF_MESSAGE_SIGN, "message-verify": ck.CKF_MESSAGE_VERIFY,
	})
	maps.Copy(commands, map[string]command{
		"param": quiet((*world).setParam),
		"told":  (*world).tellParam,

		"message-encrypt-init":  initialise((*slots.App).MessageEncryptInit),
		"encrypt-message":       wholeMessage((*slots.App).EncryptMessage),
		"encrypt-message-begin": beginMessage((*slots.App).EncryptMessageBegin),
		"encrypt-message-next":  nextMessage((*slots.App).EncryptMessageNext, false),
		"encrypt-message-end":   nextMessage((*slots.App).EncryptMessageNext, true),
		"message-encrypt-final": onSession((*slots.App).MessageEncryptFinal),
		"message-decrypt-init":  initialise((*slots.App).MessageDecryptInit),
		"decrypt-message":       wholeMessage((*slots.App).DecryptMessage),
		"decrypt-message-begin": beginMessage((*slots.App).DecryptMessageBegin),
		"decrypt-message-next":  nextMessage((*slots.App).DecryptMessageNext, false),
		"decrypt-message-end":   nextMessage((*slots.App).DecryptMessageNext, true),
		"message-decrypt-final": onSession((*slots.App).MessageDecryptFinal),

		"message-sign-init": initialise((*slots.App).MessageSignInit),
		"sign-message": produce(func(a *slots.App, h ck.SessionHandle, src, dst []byte) (int, error) {
			return a.SignMessage(h, nil, src, dst)
		}),
		"sign-message-begin": onSession(func(a *slots.App, h ck.SessionHandle) error { return a.SignMessageBegin(h, nil) }),
		"sign-message-next": absorb(func(a *slots.App, h ck.SessionHandle, src []byte) error {
			return a.SignMessageNext(h, nil, src)
		}),
		"sign-message-end": produce(func(a *slots.App, h ck.SessionHandle, src, dst []byte) (int, error) {
			return a.SignMessageEnd(h, nil, src, dst)
		}),
		"message-sign-final":  onSession((*slots.App).MessageSignFinal),
		"message-verify-init": initialise((*slots.App).MessageVerifyInit),
		"verify-message": quiet(func(w *world, a args) error {
			return w.app.VerifyMessage(w.session(a, 0), nil, w.data(a, 1), w.data(a, 2))
		}),
		"verify-message-begin": onSession(func(a *slots.App, h ck.SessionHandle) error { return a.VerifyMessageBegin(h, nil) }),
		"verify-message-next": absorb(func(a *slots.App, h ck.SessionHandle, src []byte) error {
			return a.VerifyMessageNext(h, nil, src)
		}),
		"verify-message-end": quiet(func(w *world, a args) error {
			return w.app.VerifyMessageEnd(w.session(a, 0), nil, w.data(a, 1), w.data(a, 2))
		}),
		"message-verify-final": onSession((*slots.App).MessageVerifyFinal),
		// A signature has no parameter; this gives it one.
		"sign-message-with": quiet(func(w *world, a args) error {
			return drop(w.app.SignMessage(w.session(a, 0), w.params[a.word(1)], w.data(a, 2), make([]byte, 64)))
		}),
		"refuse-message": quiet((*world).refuseMessage),
	})
}

func onSession(do func(*slots.App, ck.SessionHandle) error) command {
	return quiet(func(w *world, a args) error { return do(w.app, w.session(a, 0)) })
}

func wholeMessage(do func(a *slots.App, h ck.SessionHandle, p *ck.MessageParams, aad, src, dst []byte) (int, error)) command {
	return func(w *world, a args) (string, error) {
		dst := a.buffer(4)
		n, err := do(w.app, w.session(a, 0), w.params[a.word(1)], w.data(a, 2), w.data(a, 3), dst)
		return w.output(a, 5, dst, n, err)
	}
}

func beginMessage(do func(a *slots.App, h ck.SessionHandle, p *ck.MessageParams, aad []byte) error) command {
	return quiet(func(w *world, a args) error {
		return do(w.app, w.session(a, 0), w.params[a.word(1)], w.data(a, 2))
	})
}

func nextMessage(do func(a *slots.App, h ck.SessionHandle, p *ck.MessageParams, src, dst []byte, end bool) (int, error), end bool) command {
	return func(w *world, a args) (string, error) {
		dst := a.buffer(3)
		n, err := do(w.app, w.session(a, 0), w.params[a.word(1)], w.data(a, 2), dst, end)
		return w.output(a, 4, dst, n, err)
	}
}

var generatorNames = map[string]uint64{"given": ck.CKG_NO_GENERATE, "counter": ck.CKG_GENERATE_COUNTER}

// setParam makes a parameter of AES-GCM: its name, the nonce, how it is made.
func (w *world) setParam(a args) error {
	p := gcmMessage()
	p.Nonce, p.Generator = append([]byte{}, w.data(a, 1)...), generatorNames[a.word(2)]
	if p.Generator != ck.CKG_NO_GENERATE {
		p.FixedBits = 88
	}
	if w.params == nil {
		w.params = map[string]*ck.MessageParams{}
	}
	w.params[a.word(0)] = p
	return nil
}

// tellParam tells what is in the caller's memory.
func (w *world) tellParam(a args) (string, error) {
	p := w.params[a.word(0)]
	return fmt.Sprintf("%s tag %s", hex.EncodeToString(p.Nonce), hex.EncodeToString(p.Tag)), nil
}

func (w *world) refuseMessage(a args) error {
	kinds := map[string]slots.Kind{
		"encrypt": slots.MessageEncryptOperation, "decrypt": slots.MessageDecryptOperation,
		"sign": slots.MessageSignOperation, "verify": slots.MessageVerifyOperation, "nothing": slots.NoOperation,
	}
	steps := map[string]slots.MessageStep{
		"whole": slots.MessageWhole, "begin": slots.MessageBegin, "next": slots.MessageNext, "end": slots.MessageEnd,
	}
	return w.app.RefuseMessage(w.session(a, 0), kinds[a.word(1)], steps[a.word(2)], ck.CKR_ARGUMENTS_BAD)
}
