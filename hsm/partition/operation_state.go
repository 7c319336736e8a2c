package partition

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync"

	"golang.org/x/crypto/cryptobyte"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// stateKey seals the operations that an application saves. It is random, in the
// memory of this process and nowhere else: a saved state is good until the
// partition is closed, in the process that saved it (section 5.6 promises no more).
type stateKey struct {
	once sync.Once
	aead cipher.AEAD
	err  error
}

const (
	stateVersion = 2
	stateKeySize = 32
)

// box returns the key ready for use: AES-256-GCM that makes its own nonces.
func (k *stateKey) box() (cipher.AEAD, error) {
	k.once.Do(func() {
		key := make([]byte, stateKeySize)
		defer clear(key)
		rand.Read(key)
		block, err := aes.NewCipher(key)
		if err == nil {
			k.aead, err = cipher.NewGCMWithRandomNonce(block)
		}
		k.err = err
	})
	if k.err != nil {
		return nil, ck.Errorf(ck.CKR_FUNCTION_FAILED, "sealing saved states: %w", k.err)
	}
	return k.aead, nil
}

// SaveOperations seals the state of operations: a version byte, and sealed under
// stateKey what appendStarted writes for each. Bound to it are the version, the
// login and the context.
func (p *Partition) SaveOperations(who api.Caller, ops []api.Started, context []byte) ([]byte, error) {
	var plain []byte
	defer func() { clear(plain) }()
	for _, op := range ops {
		longer, err := appendStarted(plain, op)
		if err != nil {
			return nil, err
		}
		clear(plain)
		plain = longer
	}
	box, err := p.states.box()
	if err != nil {
		return nil, err
	}
	version := []byte{stateVersion}
	return box.Seal(version, nil, plain, boundTo(version, who, context)), nil
}

// boundTo is the associated data of a state.
func boundTo(version []byte, who api.Caller, context []byte) []byte {
	return slices.Concat(version, binary.BigEndian.AppendUint64(nil, uint64(who.Identity)), context)
}

// appendStarted returns b and an operation in new memory: which Init it is
// (CKF_ENCRYPT...) in 8 bytes, whether it has processed a part in one, the key's
// ID, and in 4 bytes its length before what service.SaveOperation says.
func appendStarted(b []byte, op api.Started) ([]byte, error) {
	saved, err := service.SaveOperation(op.Mechanism, ungated(op.Operation))
	if err != nil {
		return nil, err
	}
	defer clear(saved)
	head := binary.BigEndian.AppendUint64(nil, uint64(op.Init))
	head = append(head, 0)
	if op.Parts {
		head[len(head)-1] = 1
	}
	head = append(head, op.Key[:]...)
	head = binary.BigEndian.AppendUint32(head, uint32(len(saved)))
	return slices.Concat(b, head, saved), nil
}

// RestoreOperations opens what SaveOperations has sealed.
func (p *Partition) RestoreOperations(who api.Caller, state, context []byte) ([]api.Started, error) {
	if err := service.Ready(); err != nil {
		return nil, err
	}
	box, err := p.states.box()
	if err != nil {
		return nil, err
	}
	if len(state) == 0 || state[0] != stateVersion {
		return nil, ck.CKR_SAVED_STATE_INVALID
	}
	plain, err := box.Open(nil, nil, state[1:], boundTo(state[:1], who, context))
	if err != nil {
		return nil, ck.CKR_SAVED_STATE_INVALID
	}
	defer clear(plain)
	var ops []api.Started
	for rest := cryptobyte.String(plain); !rest.Empty(); {
		op, err := p.restoreNext(who, &rest)
		if err != nil {
			for _, op := range ops {
				op.Operation.Close()
			}
			return nil, stateError(err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// restoreNext reads what appendStarted has written, and starts the operation.
func (p *Partition) restoreNext(who api.Caller, s *cryptobyte.String) (api.Started, error) {
	var op api.Started
	var init uint64
	var parts uint8
	var size uint32
	var saved []byte
	if !s.ReadUint64(&init) || !s.ReadUint8(&parts) || !s.CopyBytes(op.Key[:]) || !s.ReadUint32(&size) || !s.ReadBytes(&saved, int(size)) {
		return op, ck.CKR_SAVED_STATE_INVALID
	}
	op.Init, op.Parts = ck.Flags(init), parts == 1
	m, saved, err := service.SavedMechanism(saved)
	if err != nil {
		return op, err
	}
	op.Mechanism = m
	if op.Operation, err = p.startAnew(who, op); err != nil {
		return op, err
	}
	if err := service.RestoreOperation(ungated(op.Operation), saved); err != nil {
		op.Operation.Close()
		return op, err
	}
	return op, nil
}

// startAnew is the Init of a saved operation.
func (p *Partition) startAnew(who api.Caller, op api.Started) (api.Operation, error) {
	switch op.Init {
	case ck.CKF_ENCRYPT:
		return p.Encrypt(who, op.Mechanism, op.Key)
	case ck.CKF_DECRYPT:
		return p.Decrypt(who, op.Mechanism, op.Key)
	case ck.CKF_DIGEST:
		return p.Digest(op.Mechanism)
	case ck.CKF_SIGN:
		return p.Sign(who, op.Mechanism, op.Key)
	case ck.CKF_VERIFY:
		return p.Verify(who, op.Mechanism, op.Key)
	}
	return nil, ck.CKR_SAVED_STATE_INVALID
}

// stateError leaves the codes that C_SetOperationState has for what went wrong
// with the machine; all else an Init answers means that the state is of no use.
func stateError(err error) error {
	switch ck.Code(err) {
	case ck.CKR_GENERAL_ERROR, ck.CKR_FUNCTION_FAILED, ck.CKR_HOST_MEMORY,
		ck.CKR_DEVICE_ERROR, ck.CKR_DEVICE_MEMORY, ck.CKR_DEVICE_REMOVED:
		return err
	}
	return ck.Errorf(ck.CKR_SAVED_STATE_INVALID, "saved operation cannot be started again: %w", err)
}

// Tag is api.Operations'.
func (p *Partition) Tag(purpose string, data ...[]byte) [32]byte {
	return p.root.MAC("tag", append([][]byte{[]byte(purpose)}, data...)...)
}
