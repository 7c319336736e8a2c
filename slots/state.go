package slots

import (
	"encoding/binary"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// GetOperationState is C_GetOperationState (section 5.6). Digests can be saved:
// CKR_STATE_UNSAVEABLE if an operation with a key is active, alone or beside one;
// CKR_OPERATION_NOT_INITIALIZED if there is none. The operation goes on.
func (a *App) GetOperationState(h ck.SessionHandle, dst []byte) (int, error) {
	s, err := a.enter(h)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	switch {
	case s.keyedBusy():
		return 0, ck.CKR_STATE_UNSAVEABLE
	case !s.digest.active:
		return 0, ck.CKR_OPERATION_NOT_INITIALIZED
	}
	state, err := s.token.partition.SaveDigest(s.digest.op, s.stateContext(s.digest.parts))
	if err != nil {
		return 0, err
	}
	state = append(state, flagByte(s.digest.parts))
	switch {
	case dst == nil:
		return len(state), nil
	case len(dst) < len(state):
		return len(state), ck.CKR_BUFFER_TOO_SMALL
	}
	return copy(dst, state), nil
}

// keyedBusy reports whether an operation is active that cannot be saved though
// the standard counts it among those that might be.
func (s *session) keyedBusy() bool {
	for _, k := range kinds {
		switch k.kind {
		case FindOperation, DigestOperation, SignRecoverOperation, VerifyRecoverOperation,
			GenerateKeyOperation, GenerateKeyPairOperation:
		default:
			if k.of(s).busy() {
				return true
			}
		}
	}
	return false
}

// stateContext is what a saved state is bound to: the state of the session, so
// that nothing is carried past a login (CKR_SAVED_STATE_INVALID), and whether
// parts have been processed.
func (s *session) stateContext(parts bool) []byte {
	return binary.BigEndian.AppendUint64([]byte{flagByte(parts)}, uint64(s.state()))
}

func flagByte(f bool) byte {
	if f {
		return 1
	}
	return 0
}

// SetOperationState is C_SetOperationState (section 5.6): CKR_SAVED_STATE_INVALID
// for all that GetOperationState has not made on this token in such a session.
// No digest needs a key: CKR_KEY_NOT_NEEDED. What was active ends, searches too.
// A digest that is restored under a login ends with it.
func (a *App) SetOperationState(h ck.SessionHandle, state []byte, encryption, authentication ck.ObjectHandle) error {
	s, err := a.enter(h)
	if err != nil {
		return err
	}
	defer s.leave()
	if len(state) == 0 || state[len(state)-1] > 1 {
		return ck.CKR_SAVED_STATE_INVALID
	}
	sealed, parts := state[:len(state)-1], state[len(state)-1] == 1
	op, err := s.token.partition.RestoreDigest(sealed, s.stateContext(parts))
	if err != nil {
		return err
	}
	if encryption != 0 || authentication != 0 {
		op.Close()
		return ck.CKR_KEY_NOT_NEEDED
	}
	for _, k := range kinds {
		k.of(s).end()
	}
	s.digest = operation[api.Digester]{op: op, active: true, parts: parts, private: s.token.login.Load() != nil}
	return nil
}
