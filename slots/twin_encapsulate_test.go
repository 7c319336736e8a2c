package slots_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
)

// twinCiphertext is the length of a ciphertext of ML-KEM-768. Those of the twin are
// random, and their hash is the secret.
const twinCiphertext = 1088

// twinKEM refuses what the twin does not have.
func (p *twinPartition) twinKEM(who api.Caller, m *ck.Mechanism, key api.ObjectID) error {
	_, err := p.object(who, key)
	if err == nil && m.Type != ck.CKM_ML_KEM {
		err = ck.CKR_MECHANISM_INVALID
	}
	return err
}

func (p *twinPartition) agree(who api.Caller, tmpl ck.Template, ciphertext []byte) (api.ObjectID, error) {
	if token, _ := tmpl.Bool(ck.CKA_TOKEN); token && !who.ReadWrite {
		return api.ObjectID{}, ck.CKR_SESSION_READ_ONLY
	}
	secret := sha256.Sum256(ciphertext)
	return p.add(who, merge(ck.Template{ck.Bytes(ck.CKA_VALUE, secret[:])}, tmpl))
}

func (p *twinPartition) EncapsulateKey(who api.Caller, m *ck.Mechanism, public api.ObjectID, tmpl ck.Template, dst []byte) (int, api.ObjectID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.twinKEM(who, m, public); err != nil {
		return 0, api.ObjectID{}, err
	}
	ciphertext := make([]byte, twinCiphertext)
	rand.Read(ciphertext)
	if n, err := put(dst, ciphertext); err != nil || dst == nil {
		return n, api.ObjectID{}, err
	}
	id, err := p.agree(who, tmpl, ciphertext)
	return twinCiphertext, id, err
}

func (p *twinPartition) DecapsulateKey(who api.Caller, m *ck.Mechanism, private api.ObjectID, tmpl ck.Template, ciphertext []byte) (api.ObjectID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.twinKEM(who, m, private); err != nil {
		return api.ObjectID{}, err
	}
	if len(ciphertext) != twinCiphertext {
		return api.ObjectID{}, ck.CKR_WRAPPED_KEY_LEN_RANGE
	}
	return p.agree(who, tmpl, bytes.Clone(ciphertext))
}
