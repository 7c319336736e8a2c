package partition

import (
	"slices"

	"github.com/coffer-hsm/coffer/hsm/api"
	"github.com/coffer-hsm/coffer/hsm/ck"
	"github.com/coffer-hsm/coffer/hsm/service"
)

// use is what a key is used for: the attribute that allows it and the classes of
// key that it makes sense for.
type use struct {
	permission ck.AttributeType
	classes    []ck.ObjectClass
}

var (
	closing = []ck.ObjectClass{ck.CKO_PRIVATE_KEY, ck.CKO_SECRET_KEY} // what only the owner does
	opening = []ck.ObjectClass{ck.CKO_PUBLIC_KEY, ck.CKO_SECRET_KEY}  // what others do to match it

	useEncrypt       = use{ck.CKA_ENCRYPT, opening}
	useDecrypt       = use{ck.CKA_DECRYPT, closing}
	useSign          = use{ck.CKA_SIGN, closing}
	useVerify        = use{ck.CKA_VERIFY, opening}
	useSignRecover   = use{ck.CKA_SIGN_RECOVER, closing}
	useVerifyRecover = use{ck.CKA_VERIFY_RECOVER, opening}
	useWrap          = use{ck.CKA_WRAP, opening}
	useUnwrap        = use{ck.CKA_UNWRAP, closing}
	useDerive        = use{ck.CKA_DERIVE, closing}
)

// keyFor finds a key that who may use so with the mechanism. The caller holds
// p.mu at least for reading, and goes on holding it until the operation is made. Where
// uses are recorded this is one, or the refusal of one.
func (p *Partition) keyFor(who api.Caller, u use, m *service.Mechanism, id api.ObjectID) (*service.Key, error) {
	k, err := p.usable(who, u, m, id)
	if p.uses.Load() {
		p.noteUse(who, u, m.Type, id, err)
	}
	return k, err
}

func (p *Partition) usable(who api.Caller, u use, m *service.Mechanism, id api.ObjectID) (*service.Key, error) {
	e, err := p.lookup(who, id)
	if err != nil {
		return nil, err
	}
	o := e.object
	if k := e.key.Load(); k != nil {
		o = k.Object // the same, found faster
	}
	switch {
	case !isKey(o.Class()):
		return nil, ck.CKR_OBJECT_HANDLE_INVALID
	case !m.Accepts(o.KeyType()), !slices.Contains(u.classes, o.Class()):
		return nil, ck.CKR_KEY_TYPE_INCONSISTENT
	case !o.Permits(u.permission):
		return nil, ck.CKR_KEY_FUNCTION_NOT_PERMITTED
	case !o.Allows(m.Type):
		return nil, ck.CKR_MECHANISM_INVALID
	case authenticates(o) && atOnce[u.permission]:
		return nil, ck.CKR_USER_NOT_LOGGED_IN
	}
	if err := p.inForce(o); err != nil {
		return nil, err
	}
	return p.prepared(e)
}

func isKey(c ck.ObjectClass) bool {
	return c == ck.CKO_PUBLIC_KEY || c == ck.CKO_PRIVATE_KEY || c == ck.CKO_SECRET_KEY
}

// mechanismOf finds a mechanism, unless the module is in the error state and
// refuses every service.
func mechanismOf(m *ck.Mechanism) (*service.Mechanism, error) {
	if err := service.Ready(); err != nil {
		return nil, err
	}
	mechanism, ok := service.Of(m)
	if !ok {
		return nil, ck.CKR_MECHANISM_INVALID
	}
	return mechanism, nil
}

// start makes an operation: mechanism, key, rights, in this order. pick chooses
// the mechanism's function, nil if it has none.
func start[Op any](p *Partition, who api.Caller, u use, m *ck.Mechanism, id api.ObjectID,
	pick func(*service.Mechanism) func(*service.Key, *ck.Mechanism) (Op, error)) (Op, *service.Key, error) {
	var none Op
	mechanism, err := mechanismOf(m)
	if err != nil {
		return none, nil, err
	}
	f := pick(mechanism)
	if f == nil {
		return none, nil, ck.CKR_MECHANISM_INVALID
	}
	if err := p.sync(); err != nil {
		return none, nil, err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	k, err := p.keyFor(who, u, mechanism, id)
	if err != nil {
		return none, nil, err
	}
	op, err := f(k, m)
	return op, k, err
}

type (
	cipherFunc = func(*service.Key, *ck.Mechanism) (api.Cipher, error)
	signFunc   = func(*service.Key, *ck.Mechanism) (api.Signer, error)
	verifyFunc = func(*service.Key, *ck.Mechanism) (api.Verifier, error)
)

func pickEncrypt(m *service.Mechanism) cipherFunc       { return m.Encrypt }
func pickDecrypt(m *service.Mechanism) cipherFunc       { return m.Decrypt }
func pickSignRecover(m *service.Mechanism) cipherFunc   { return m.SignRecover }
func pickVerifyRecover(m *service.Mechanism) cipherFunc { return m.VerifyRecover }
func pickSign(m *service.Mechanism) signFunc            { return m.Sign }
func pickVerify(m *service.Mechanism) verifyFunc        { return m.Verify }

// Encrypt is C_EncryptInit.
func (p *Partition) Encrypt(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Cipher, error) {
	op, _, err := start(p, who, useEncrypt, m, key, pickEncrypt)
	return op, err
}

// Decrypt is C_DecryptInit.
func (p *Partition) Decrypt(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Cipher, error) {
	op, k, err := start(p, who, useDecrypt, m, key, pickDecrypt)
	return p.gateCipher(who, op, k, err)
}

// Sign is C_SignInit.
func (p *Partition) Sign(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Signer, error) {
	op, k, err := start(p, who, useSign, m, key, pickSign)
	return p.gateSigner(who, op, k, err)
}

// SignRecover is C_SignRecoverInit.
func (p *Partition) SignRecover(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Cipher, error) {
	op, k, err := start(p, who, useSignRecover, m, key, pickSignRecover)
	return p.gateCipher(who, op, k, err)
}

// Verify is C_VerifyInit.
func (p *Partition) Verify(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Verifier, error) {
	op, _, err := start(p, who, useVerify, m, key, pickVerify)
	return op, err
}

// VerifyRecover is C_VerifyRecoverInit.
func (p *Partition) VerifyRecover(who api.Caller, m *ck.Mechanism, key api.ObjectID) (api.Cipher, error) {
	op, _, err := start(p, who, useVerifyRecover, m, key, pickVerifyRecover)
	return op, err
}

// Digest is C_DigestInit.
func (p *Partition) Digest(m *ck.Mechanism) (api.Digester, error) {
	mechanism, err := mechanismOf(m)
	if err != nil {
		return nil, err
	}
	if mechanism.Digest == nil {
		return nil, ck.CKR_MECHANISM_INVALID
	}
	return mechanism.Digest(m)
}

// Repeats is true of session keys, which no other process changes, where neither the day
// nor the use counts.
func (p *Partition) Repeats(key api.ObjectID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e := p.held(key)
	return e != nil && e.ofSession() && !authenticates(e.object) && !p.dates && !p.uses.Load()
}

// Summing is how to digest by m without an operation, nil if that is not cheaper.
func (p *Partition) Summing(m *ck.Mechanism) *api.Sum {
	mechanism, err := mechanismOf(m)
	if err != nil {
		return nil
	}
	return mechanism.Sum
}

// DigestKey is C_DigestKey. The digest of a secret helps to guess it, so only a
// key whose value may be read anyway is digested.
func (p *Partition) DigestKey(who api.Caller, d api.Digester, id api.ObjectID) error {
	if err := p.sync(); err != nil {
		return err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, err := p.lookup(who, id)
	if err != nil {
		return err
	}
	if e.object.Class() != ck.CKO_SECRET_KEY {
		return ck.CKR_KEY_INDIGESTIBLE
	}
	value := api.AttributeResult{Attribute: ck.Attribute{Type: ck.CKA_VALUE}}
	if err := p.attribute(e, &value, new(ck.Template)); err != nil {
		return err
	}
	if value.RV != ck.CKR_OK {
		return ck.CKR_KEY_INDIGESTIBLE
	}
	defer clear(value.Value)
	return service.DigestSecret(d, value.Value)
}
