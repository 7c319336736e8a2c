package partition

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"slices"
	"sync"

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
	stateVersion = 1
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

// SaveDigest seals the state of a digest: a version byte, and sealed under
// stateKey with the version and the context bound, what service.SaveDigest says.
func (p *Partition) SaveDigest(d api.Digester, context []byte) ([]byte, error) {
	plain, err := service.SaveDigest(d)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	box, err := p.states.box()
	if err != nil {
		return nil, err
	}
	version := []byte{stateVersion}
	return box.Seal(version, nil, plain, slices.Concat(version, context)), nil
}

// RestoreDigest opens what SaveDigest has sealed.
func (p *Partition) RestoreDigest(state, context []byte) (api.Digester, error) {
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
	plain, err := box.Open(nil, nil, state[1:], slices.Concat(state[:1], context))
	if err != nil {
		return nil, ck.CKR_SAVED_STATE_INVALID
	}
	defer clear(plain)
	return service.RestoreDigest(plain)
}
