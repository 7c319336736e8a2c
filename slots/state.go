package slots

import (
	"encoding/binary"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// GetOperationState is C_GetOperationState (section 5.6). What it saves is at most
// one encryption or decryption, one signature or verification, and a digest; more
// than that C_SetOperationState has no keys for. CKR_STATE_UNSAVEABLE for these, for
// messages and known signatures, while a call is pending, and where the partition
// says so; CKR_OPERATION_NOT_INITIALIZED if nothing is active. The operations go on.
func (a *App) GetOperationState(h ck.SessionHandle, dst []byte) (int, error) {
	s, err := a.enter(h)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	ops := s.started()
	switch {
	case s.unsaveable():
		return 0, ck.CKR_STATE_UNSAVEABLE
	case len(ops) == 0:
		return 0, ck.CKR_OPERATION_NOT_INITIALIZED
	}
	state, err := s.token.partition.SaveOperations(s.caller(), ops, s.stateContext())
	if err != nil {
		return 0, err
	}
	switch {
	case dst == nil:
		return len(state), nil
	case len(dst) < len(state):
		return len(state), ck.CKR_BUFFER_TOO_SMALL
	}
	return copy(dst, state), nil
}

// unsaveable reports whether an operation is active that stands in the way.
// Searches are none, and those that have no parts (recovery, generation) are not
// among what the standard saves.
func (s *session) unsaveable() bool {
	return s.encrypt.active && s.decrypt.active ||
		s.sign.active && s.verify.active || s.sign.lent != nil ||
		s.verifySignature.active ||
		s.messageEncrypt.active || s.messageDecrypt.active ||
		s.messageSign.active || s.messageVerify.active
}

// started lists the operations that can be saved.
func (s *session) started() []api.Started {
	var ops []api.Started
	ops = appendStarted(ops, ck.CKF_ENCRYPT, &s.encrypt)
	ops = appendStarted(ops, ck.CKF_DECRYPT, &s.decrypt)
	ops = appendStarted(ops, ck.CKF_DIGEST, &s.digest)
	ops = appendStarted(ops, ck.CKF_SIGN, &s.sign)
	return appendStarted(ops, ck.CKF_VERIFY, &s.verify)
}

func appendStarted[O api.Operation](ops []api.Started, init ck.Flags, p *operation[O]) []api.Started {
	if !p.active {
		return ops
	}
	return append(ops, api.Started{Init: init, Mechanism: p.mechanism, Key: p.key, Parts: p.parts, Operation: p.op})
}

// stateContext is what a saved state is bound to beside the login: the state of
// the session (CKR_SAVED_STATE_INVALID).
func (s *session) stateContext() []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(s.state()))
}

// SetOperationState is C_SetOperationState (section 5.6): CKR_SAVED_STATE_INVALID
// for all that GetOperationState has not made on this token, under this login, in a
// session of this state, and where the key may not be used so any more. The state
// names its keys, so none is needed (CKF_RESTORE_KEY_NOT_NEEDED); one that is given
// must be the right one, CKR_KEY_CHANGED, and there must be an operation for it,
// CKR_KEY_NOT_NEEDED. What was active ends, searches too.
func (a *App) SetOperationState(h ck.SessionHandle, state []byte, encryption, authentication ck.ObjectHandle) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	ops, err := s.token.partition.RestoreOperations(s.caller(), state, s.stateContext())
	if err != nil {
		return err
	}
	err = a.checkStateKey(s.token, encryption, ops, ck.CKF_ENCRYPT|ck.CKF_DECRYPT)
	if err == nil {
		err = a.checkStateKey(s.token, authentication, ops, ck.CKF_SIGN|ck.CKF_VERIFY)
	}
	if err != nil {
		for _, op := range ops {
			op.Operation.Close()
		}
		return err
	}
	s.endAll()
	for _, op := range ops {
		s.resume(op)
	}
	return nil
}

// checkStateKey holds a key that the application gives, if it gives one, against
// that of the operation whose Init is among those in inits.
func (a *App) checkStateKey(t *token, key ck.ObjectHandle, ops []api.Started, inits ck.Flags) error {
	if key == 0 {
		return nil
	}
	for _, op := range ops {
		if op.Init&inits == 0 {
			continue
		}
		if id, ok := a.object(t, key); !ok || id != op.Key {
			return ck.CKR_KEY_CHANGED
		}
		return nil
	}
	return ck.CKR_KEY_NOT_NEEDED
}

// resume puts a restored operation in its place. A digest under a login ends with
// it: it may be that of a private key.
func (s *session) resume(op api.Started) {
	switch op.Init {
	case ck.CKF_ENCRYPT:
		s.encrypt = resumed[api.Cipher](op)
	case ck.CKF_DECRYPT:
		s.decrypt = resumed[api.Cipher](op)
	case ck.CKF_DIGEST:
		s.digest = resumed[api.Digester](op)
		s.digest.keyed, s.digest.private = false, s.token.login.Load() != nil
	case ck.CKF_SIGN:
		s.sign = resumed[api.Signer](op)
	case ck.CKF_VERIFY:
		s.verify = resumed[api.Verifier](op)
	}
}

func resumed[O api.Operation](op api.Started) operation[O] {
	return operation[O]{op: op.Operation.(O), active: true, parts: op.Parts, mechanism: op.Mechanism, key: op.Key, keyed: true}
}
