package partition

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// gate holds an operation of a key with CKA_ALWAYS_AUTHENTICATE shut until the
// user has given the PIN again (C_Login with CKU_CONTEXT_SPECIFIC). It opens one
// operation, since there is one gate an operation.
type gate struct {
	p    *Partition
	of   account // of who is logged in
	open bool
}

func (p *Partition) newGate(who api.Caller) gate {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return gate{p: p, of: p.identities[who.Identity].account}
}

// Authenticate opens the gate. A wrong PIN counts as a failed login.
func (g *gate) Authenticate(pin []byte) error {
	if err := g.p.believe(g.of, pin); err != nil {
		return err
	}
	g.open = true
	return nil
}

func (g *gate) shut() error {
	if !g.open {
		return ck.CKR_USER_NOT_LOGGED_IN
	}
	return nil
}

func needsGate(k *service.Key) bool {
	return authenticates(k.Object)
}

type gatedCipher struct {
	gate
	op api.Cipher
}

func (p *Partition) gateCipher(who api.Caller, op api.Cipher, k *service.Key, err error) (api.Cipher, error) {
	if err != nil || !needsGate(k) {
		return op, err
	}
	return &gatedCipher{p.newGate(who), op}, nil
}

func (g *gatedCipher) OneShot(dst, src []byte) (int, error) {
	if err := g.shut(); err != nil {
		return 0, err
	}
	return g.op.OneShot(dst, src)
}

func (g *gatedCipher) Update(dst, src []byte) (int, error) {
	if err := g.shut(); err != nil {
		return 0, err
	}
	return g.op.Update(dst, src)
}

func (g *gatedCipher) Final(dst []byte) (int, error) {
	if err := g.shut(); err != nil {
		return 0, err
	}
	return g.op.Final(dst)
}

func (g *gatedCipher) Close() { g.op.Close() }

type gatedSigner struct {
	gate
	op api.Signer
}

func (p *Partition) gateSigner(who api.Caller, op api.Signer, k *service.Key, err error) (api.Signer, error) {
	if err != nil || !needsGate(k) {
		return op, err
	}
	return &gatedSigner{p.newGate(who), op}, nil
}

func (g *gatedSigner) OneShot(dst, data []byte) (int, error) {
	if err := g.shut(); err != nil {
		return 0, err
	}
	return g.op.OneShot(dst, data)
}

func (g *gatedSigner) Update(data []byte) error {
	if err := g.shut(); err != nil {
		return err
	}
	return g.op.Update(data)
}

func (g *gatedSigner) Final(dst []byte) (int, error) {
	if err := g.shut(); err != nil {
		return 0, err
	}
	return g.op.Final(dst)
}

func (g *gatedSigner) Close() { g.op.Close() }

// ungated is the operation behind the gate, if there is one.
func ungated(op api.Operation) api.Operation {
	switch g := op.(type) {
	case *gatedCipher:
		return g.op
	case *gatedSigner:
		return g.op
	}
	return op
}
