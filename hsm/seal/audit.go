package seal

import (
	"crypto/ed25519"
	"runtime"

	"github.com/coffer-hsm/coffer/hsm/secret"
)

// AuditKey signs the checkpoints of an audit log: Ed25519 (RFC 8032), its seed
// expanded under the label "audit". It lives as long as what it was taken from.
type AuditKey struct{ seed *secret.Bytes }

// AuditKey is the key of the partition's log, or of the home's own, for which there is a
// partition root too.
func (p *PartitionRoot) AuditKey() *AuditKey { return &AuditKey{p.audit} }

// Public is the key that others check signatures with.
func (k *AuditKey) Public() (public ed25519.PublicKey, err error) {
	err = k.with(func(private ed25519.PrivateKey) { public = private.Public().(ed25519.PublicKey) })
	return public, err
}

// Sign signs a message.
func (k *AuditKey) Sign(message []byte) (signature []byte, err error) {
	err = k.with(func(private ed25519.PrivateKey) { signature = ed25519.Sign(private, message) })
	return signature, err
}

// with gives f the private key for a moment.
func (k *AuditKey) with(f func(ed25519.PrivateKey)) error {
	if k.seed.Len() != ed25519.SeedSize {
		return ErrWiped
	}
	private := ed25519.NewKeyFromSeed(k.seed.Expose())
	runtime.KeepAlive(k)
	f(private)
	clear(private)
	return nil
}
