package slots_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/slots"
)

// command runs with its arguments and returns what there is to tell.
type command func(*world, args) (string, error)

// quiet is a command that tells nothing but its code.
func quiet(do func(*world, args) error) command {
	return func(w *world, a args) (string, error) { return "", do(w, a) }
}

// commands are all the commands; testdata/README.md says what they take.
var commands = map[string]command{
	"setup":      quiet((*world).setup),
	"finalize":   quiet(func(w *world, _ args) error { return w.app.Finalize() }),
	"slots":      (*world).listSlots,
	"token":      (*world).tellToken,
	"init-token": quiet((*world).initToken),
	"init-pin":   quiet(func(w *world, a args) error { return w.app.InitPIN(w.session(a, 0), w.data(a, 1)) }),
	"set-pin": quiet(func(w *world, a args) error {
		return w.app.SetPIN(w.session(a, 0), w.data(a, 1), w.data(a, 2))
	}),

	"open":      quiet((*world).open),
	"close":     quiet(func(w *world, a args) error { return w.app.CloseSession(w.session(a, 0)) }),
	"close-all": quiet(func(w *world, a args) error { return w.app.CloseAllSessions(ck.SlotID(a.number(0))) }),
	"info":      (*world).tellSession,
	"login":     quiet((*world).login),
	"login-user": quiet(func(w *world, a args) error {
		return w.app.LoginUser(w.session(a, 0), userNames[a.word(1)], w.data(a, 2), w.data(a, 3))
	}),
	"user":      quiet((*world).manageUser),
	"logout":    quiet(func(w *world, a args) error { return w.app.Logout(w.session(a, 0)) }),
	"state":     quiet((*world).state),
	"set-state": quiet((*world).setState),
	"validation": func(w *world, a args) (string, error) {
		flags, err := w.app.GetSessionValidationFlags(w.session(a, 0), a.number(1))
		return number(flags, err)
	},
	"event": func(w *world, _ args) (string, error) {
		return number(w.app.WaitForSlotEvent())
	},
	"cancel": quiet((*world).cancel),
	"refuse": quiet((*world).refuse),

	"create": quiet(func(w *world, a args) error {
		h, err := w.app.CreateObject(w.session(a, 0), a.template(a.rest(2)))
		w.name(a, 1, h, err)
		return err
	}),
	"copy": quiet(func(w *world, a args) error {
		h, err := w.app.CopyObject(w.session(a, 0), w.object(a, 1), a.template(a.rest(3)))
		w.name(a, 2, h, err)
		return err
	}),
	"destroy": quiet(func(w *world, a args) error { return w.app.DestroyObject(w.session(a, 0), w.object(a, 1)) }),
	"set": quiet(func(w *world, a args) error {
		return w.app.SetAttributeValue(w.session(a, 0), w.object(a, 1), a.template(a.rest(2)))
	}),
	"label": (*world).label,

	"find-init": quiet(func(w *world, a args) error {
		return w.app.FindObjectsInit(w.session(a, 0), a.template(a.rest(1)))
	}),
	"find":       (*world).find,
	"find-final": quiet(func(w *world, a args) error { return w.app.FindObjectsFinal(w.session(a, 0)) }),

	"encrypt-init":        initialise((*slots.App).EncryptInit),
	"encrypt":             produce((*slots.App).Encrypt),
	"encrypt-update":      produce((*slots.App).EncryptUpdate),
	"encrypt-final":       finish((*slots.App).EncryptFinal),
	"decrypt-init":        initialise((*slots.App).DecryptInit),
	"decrypt":             produce((*slots.App).Decrypt),
	"decrypt-update":      produce((*slots.App).DecryptUpdate),
	"decrypt-final":       finish((*slots.App).DecryptFinal),
	"digest-init":         quiet(func(w *world, a args) error { return w.app.DigestInit(w.session(a, 0), a.mechanism(1)) }),
	"digest":              produce((*slots.App).Digest),
	"digest-update":       absorb((*slots.App).DigestUpdate),
	"digest-key":          quiet(func(w *world, a args) error { return w.app.DigestKey(w.session(a, 0), w.object(a, 1)) }),
	"digest-final":        finish((*slots.App).DigestFinal),
	"sign-init":           initialise((*slots.App).SignInit),
	"sign":                produce((*slots.App).Sign),
	"sign-update":         absorb((*slots.App).SignUpdate),
	"sign-final":          finish((*slots.App).SignFinal),
	"sign-recover-init":   initialise((*slots.App).SignRecoverInit),
	"sign-recover":        produce((*slots.App).SignRecover),
	"verify-init":         initialise((*slots.App).VerifyInit),
	"verify":              quiet((*world).verify),
	"verify-update":       absorb((*slots.App).VerifyUpdate),
	"verify-final":        absorb((*slots.App).VerifyFinal),
	"verify-recover-init": initialise((*slots.App).VerifyRecoverInit),
	"verify-recover":      produce((*slots.App).VerifyRecover),

	"verify-signature-init":   quiet((*world).verifySignatureInit),
	"verify-signature":        absorb((*slots.App).VerifySignature),
	"verify-signature-update": absorb((*slots.App).VerifySignatureUpdate),
	"verify-signature-final":  quiet(func(w *world, a args) error { return w.app.VerifySignatureFinal(w.session(a, 0)) }),

	"digest-encrypt-update": produce((*slots.App).DigestEncryptUpdate),
	"decrypt-digest-update": produce((*slots.App).DecryptDigestUpdate),
	"sign-encrypt-update":   produce((*slots.App).SignEncryptUpdate),
	"decrypt-verify-update": produce((*slots.App).DecryptVerifyUpdate),
	"refuse-dual": quiet(func(w *world, a args) error {
		return w.app.RefuseDual(w.session(a, 0), refuseKinds[a.word(1)], refuseKinds[a.word(2)], ck.CKR_ARGUMENTS_BAD)
	}),

	"generate": quiet(func(w *world, a args) error {
		h, err := w.app.GenerateKey(w.session(a, 0), a.mechanism(1), a.template(a.rest(3)))
		w.name(a, 2, h, err)
		return err
	}),
	"generate-pair": quiet((*world).generatePair),
	"wrap": func(w *world, a args) (string, error) {
		dst := a.buffer(4)
		n, err := w.app.WrapKey(w.session(a, 0), a.mechanism(1), w.object(a, 2), w.object(a, 3), dst)
		return w.output(a, 5, dst, n, err)
	},
	"unwrap": quiet(func(w *world, a args) error {
		h, err := w.app.UnwrapKey(w.session(a, 0), a.mechanism(1), w.object(a, 2), w.data(a, 3), a.template(a.rest(5)))
		w.name(a, 4, h, err)
		return err
	}),
	"wrap-authenticated":   (*world).wrapAuthenticated,
	"unwrap-authenticated": quiet((*world).unwrapAuthenticated),

	"complete": (*world).complete,
	"async-id": quiet(func(w *world, a args) error {
		id, err := w.app.AsyncGetID(w.session(a, 0), a.word(1))
		w.ids[a.word(2)] = id
		return err
	}),
	"async-join": quiet(func(w *world, a args) error {
		return w.app.AsyncJoin(w.session(a, 0), a.word(1), w.ids[a.word(2)], a.buffer(3))
	}),

	"same":   (*world).same,
	"random": quiet(func(w *world, a args) error { return w.app.GenerateRandom(w.session(a, 0), a.buffer(1)) }),
}

// number tells a number that a call returns beside its error.
func number[T any](n T, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return fmt.Sprint(n), nil
}

func initialise(do func(*slots.App, ck.SessionHandle, *ck.Mechanism, ck.ObjectHandle) error) command {
	return quiet(func(w *world, a args) error {
		if len(a.words) == 2 { // a nil mechanism comes without a key
			return do(w.app, w.session(a, 0), a.mechanism(1), 0)
		}
		return do(w.app, w.session(a, 0), a.mechanism(1), w.object(a, 2))
	})
}

func produce(do func(*slots.App, ck.SessionHandle, []byte, []byte) (int, error)) command {
	return func(w *world, a args) (string, error) {
		dst := a.buffer(2)
		n, err := do(w.app, w.session(a, 0), w.data(a, 1), dst)
		return w.output(a, 3, dst, n, err)
	}
}

func finish(do func(*slots.App, ck.SessionHandle, []byte) (int, error)) command {
	return func(w *world, a args) (string, error) {
		dst := a.buffer(1)
		n, err := do(w.app, w.session(a, 0), dst)
		return w.output(a, 2, dst, n, err)
	}
}

func absorb(do func(*slots.App, ck.SessionHandle, []byte) error) command {
	return quiet(func(w *world, a args) error { return do(w.app, w.session(a, 0), w.data(a, 1)) })
}

// label tells CKA_LABEL, and CKA_VALUE or why not.
func (w *world) label(a args) (string, error) {
	want := []api.AttributeResult{{Attribute: ck.Attribute{Type: ck.CKA_LABEL}}, {Attribute: ck.Attribute{Type: ck.CKA_VALUE}}}
	if err := w.app.GetAttributeValue(w.session(a, 0), w.object(a, 1), want); err != nil {
		return "", err
	}
	value := hex.EncodeToString(want[1].Value)
	if want[1].RV != ck.CKR_OK {
		value = want[1].RV.Error()
	}
	return fmt.Sprintf("%q %s", want[0].Value, value), nil
}

// find tells how many handles there were and their names; those that have none
// get the further words, or are told as "?".
func (w *world) find(a args) (string, error) {
	dst := make([]ck.ObjectHandle, a.number(1))
	n, err := w.app.FindObjects(w.session(a, 0), dst)
	if err != nil {
		return "", err
	}
	fresh := a.rest(2)
	told := []string{fmt.Sprint(n)}
	for _, h := range dst[:n] {
		name := w.nameOf(h)
		if name == "?" && len(fresh) > 0 {
			name, fresh = fresh[0], fresh[1:]
			w.objects[name] = h
		}
		told = append(told, name)
	}
	return strings.Join(told, " "), nil
}

func (w *world) nameOf(h ck.ObjectHandle) string {
	for _, name := range slices.Sorted(maps.Keys(w.objects)) {
		if w.objects[name] == h {
			return name
		}
	}
	return "?"
}

func (w *world) verify(a args) error {
	return w.app.Verify(w.session(a, 0), w.data(a, 1), w.data(a, 2))
}

func (w *world) verifySignatureInit(a args) error {
	if len(a.words) == 2 {
		return w.app.VerifySignatureInit(w.session(a, 0), a.mechanism(1), 0, nil)
	}
	return w.app.VerifySignatureInit(w.session(a, 0), a.mechanism(1), w.object(a, 2), w.data(a, 3))
}

// wrapAuthenticated seals a key under a fresh IV and keeps the parameter.
func (w *world) wrapAuthenticated(a args) (string, error) {
	m, dst := sealing(), a.buffer(4)
	n, err := w.app.WrapKeyAuthenticated(w.session(a, 0), m, w.object(a, 1), w.object(a, 2), w.data(a, 3), dst)
	if err == nil && dst != nil {
		w.sealed = m
	}
	return w.output(a, 5, dst, n, err)
}

// unwrapAuthenticated opens with the parameter that was kept.
func (w *world) unwrapAuthenticated(a args) error {
	h, err := w.app.UnwrapKeyAuthenticated(w.session(a, 0), w.sealed, w.object(a, 1), w.data(a, 2), w.data(a, 3), a.template(a.rest(5)))
	w.name(a, 4, h, err)
	return err
}

// state saves a session's operation under a name.
func (w *world) state(a args) error {
	n, err := w.app.GetOperationState(w.session(a, 0), nil)
	if err != nil {
		return err
	}
	if _, err := w.app.GetOperationState(w.session(a, 0), make([]byte, n-1)); ck.Code(err) != ck.CKR_BUFFER_TOO_SMALL {
		a.t.Errorf("a state of %d bytes in one less: %v", n, err)
	}
	dst := make([]byte, n)
	_, err = w.app.GetOperationState(w.session(a, 0), dst)
	w.saved[a.word(1)] = dst
	return err
}

// setState takes the keys too, if they are named.
func (w *world) setState(a args) error {
	var keys [2]ck.ObjectHandle
	for i := range a.rest(2) {
		keys[i] = w.objects[a.word(2+i)]
	}
	return w.app.SetOperationState(w.session(a, 0), w.data(a, 1), keys[0], keys[1])
}

// same tells whether two saved outputs are equal.
func (w *world) same(a args) (string, error) {
	return fmt.Sprint(bytes.Equal(w.data(a, 0), w.data(a, 1))), nil
}

// generatePair takes the names of the two keys, the attributes of the public
// one, a bar, and those of the private one.
func (w *world) generatePair(a args) error {
	words := a.rest(4)
	bar := max(slices.Index(words, "|"), 0)
	pub, priv, err := w.app.GenerateKeyPair(w.session(a, 0), a.mechanism(1), a.template(words[:bar]), a.template(words[bar+1:]))
	w.name(a, 2, pub, err)
	w.name(a, 3, priv, err)
	return err
}
