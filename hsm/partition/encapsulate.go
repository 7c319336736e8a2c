package partition

import (
	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/object"
	"github.com/coffer-hsm/coffer/hsm/secret"
	"github.com/coffer-hsm/coffer/hsm/service"
)

var (
	useEncapsulate = use{ck.CKA_ENCAPSULATE, []ck.ObjectClass{ck.CKO_PUBLIC_KEY}}
	useDecapsulate = use{ck.CKA_DECAPSULATE, []ck.ObjectClass{ck.CKO_PRIVATE_KEY}}
)

// agreement is a secret that a public or a private key has given, and the key that is
// to be made of it.
type agreement struct {
	base   *object.Object
	tmpl   ck.Template
	secret *secret.Bytes // nil if no key is to be made
	// wrapped: the secret was unwrapped, and a length that the key type does not have
	// must not tell that the padding was right.
	wrapped bool
}

// EncapsulateKey is C_EncapsulateKey.
func (p *Partition) EncapsulateKey(who api.Caller, m *ck.Mechanism, public api.ObjectID, tmpl ck.Template, dst []byte) (int, api.ObjectID, error) {
	mechanism, so, err := p.maker(who, m, func(m *service.Mechanism) bool { return m.Encapsulate != nil }, tmpl)
	if err != nil {
		return 0, api.ObjectID{}, err
	}
	var written int
	a, err := p.agree(who, useEncapsulate, mechanism, m, public, tmpl, func(k *service.Key, n int) (s *secret.Bytes, err error) {
		written, s, err = mechanism.Encapsulate(k, m, n, dst)
		return s, err
	})
	if err != nil || a.secret == nil {
		return written, api.ObjectID{}, err
	}
	id, err := p.agreedKey(who, a, so)
	if err != nil {
		clear(dst[:written])
		return 0, api.ObjectID{}, err
	}
	return written, id, nil
}

// DecapsulateKey is C_DecapsulateKey.
func (p *Partition) DecapsulateKey(who api.Caller, m *ck.Mechanism, private api.ObjectID, tmpl ck.Template, ciphertext []byte) (api.ObjectID, error) {
	mechanism, so, err := p.maker(who, m, func(m *service.Mechanism) bool { return m.Decapsulate != nil }, tmpl)
	if err != nil {
		return api.ObjectID{}, err
	}
	a, err := p.agree(who, useDecapsulate, mechanism, m, private, tmpl, func(k *service.Key, n int) (*secret.Bytes, error) {
		return mechanism.Decapsulate(k, m, n, ciphertext)
	})
	if err != nil {
		return api.ObjectID{}, decapsulateError(err)
	}
	a.wrapped = mechanism.Unwrap != nil
	id, err := p.agreedKey(who, a, so)
	return id, decapsulateError(err)
}

// decapsulateError gives the codes of C_DecapsulateKey, which has none for the size of
// the new key: it is the template's fault.
func decapsulateError(err error) error {
	if ck.Code(err) == ck.CKR_KEY_SIZE_RANGE {
		return ck.Errorf(ck.CKR_TEMPLATE_INCONSISTENT, "%w", err)
	}
	return unwrappingKeyError(err)
}

// agree runs give with a key that who may use so, and with the bytes that the new key
// is to have, 0 if the template does not say.
func (p *Partition) agree(who api.Caller, u use, mechanism *service.Mechanism, m *ck.Mechanism, id api.ObjectID, tmpl ck.Template,
	give func(k *service.Key, n int) (*secret.Bytes, error)) (*agreement, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	k, err := p.keyFor(who, u, mechanism, id)
	if err != nil {
		return nil, err
	}
	if err := p.rules.Agree(k.Object, m); err != nil {
		return nil, err
	}
	if tmpl, err = object.MergeAgreedTemplate(k.Object, tmpl); err != nil {
		return nil, err
	}
	tmpl, n, err := secretTemplate(tmpl)
	if err != nil {
		return nil, err
	}
	var s *secret.Bytes
	secret.Do(func() { s, err = give(k, n) })
	return &agreement{base: k.Object, tmpl: tmpl, secret: s}, err
}

// agreedKey makes the key of an agreement, which ends here.
func (p *Partition) agreedKey(who api.Caller, a *agreement, so bool) (api.ObjectID, error) {
	defer a.secret.Zero()
	made, err := secretKey(a.secret.Expose(), a.tmpl)
	if a.wrapped && ck.Code(err) == ck.CKR_ATTRIBUTE_VALUE_INVALID {
		return api.ObjectID{}, ck.CKR_WRAPPED_KEY_INVALID
	}
	if err != nil {
		return api.ObjectID{}, err
	}
	defer object.WipeTemplate(made)
	return p.newObject(who, object.Request{
		Origin: object.Agreed, Template: a.tmpl, Made: made, Base: a.base, SO: so,
	})
}
